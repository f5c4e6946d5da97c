"""Stanford Online Products."""

from functools import cached_property

from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive
from tfdml.data.sets.tables import inside, read_table

LISTS = {"train": "Ebay_train.txt", "test": "Ebay_test.txt"}
FOLDER = "Stanford_Online_Products"


class OnlineProducts(OneArchive):
    """Stanford Online Products: a few pictures each of 22,634 things that were for sale; own split."""

    info = SetInfo(
        "online_products",
        "Stanford Online Products",
        images=120_053,
        classes=22_634,
        license="None stated; the pictures, from eBay, belong to their owners",
        source="https://cvgl.stanford.edu/projects/lifted_struct/",
        paper="Song et al., Deep Metric Learning via Lifted Structured Feature Embedding, CVPR 2016",
        files=(
            RemoteFile(
                "Stanford_Online_Products.zip",
                (
                    "http://ftp.cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip",
                    "https://drive.usercontent.google.com/download?id=1TclrpQOF_ullUP99wk_gjGN8pKvtErG8"
                    "&export=download&confirm=t",
                ),
                size=3_083_860_082,
                sha256="b04fa78210e69fab050ce73939550e1cd0f96890bdd98ec9fee732c3b756ef48",
                md5="7f73d41a2f44250d4779881525aea32e",
            ),
        ),
        splits={"train": 59_551, "test": 60_502},
    )

    def get_classes(self):
        # The kinds are bicycle, cabinet and ten more; their folders are named bicycle_final and so on.
        kinds = {label: path.split("/")[0].removesuffix("_final") for _, label, path in self._rows}
        return {str(label): f"{kinds[label].replace('_', ' ')} {label}" for label in sorted(kinds)}

    def get_samples(self):
        return [Sample(str(label), f"{FOLDER}/{path}", retrieval=split) for split, label, path in self._rows]

    @cached_property
    def _rows(self):
        columns = {"image_id": int, "class_id": int, "super_class_id": int, "path": inside}
        return [
            (split, label, path)
            for split, name in LISTS.items()
            for _, label, _, path in read_table(self.root / FOLDER / name, columns, skip=1)
        ]
