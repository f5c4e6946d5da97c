"""Pictures that show what an embedding does."""

from tfdml.explain.confusion import Confusion, confusions
from tfdml.explain.layout import MapLayout, map_layout
from tfdml.explain.map import CLASS_COLORS, embedding_map
from tfdml.explain.sheet import retrieval_sheet

__all__ = [
    "CLASS_COLORS",
    "Confusion",
    "MapLayout",
    "confusions",
    "embedding_map",
    "map_layout",
    "retrieval_sheet",
]
