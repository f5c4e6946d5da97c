"""In-Shop Clothes Retrieval, of DeepFashion."""

from functools import cached_property

from tfdml.data.archives import read_lines
from tfdml.data.download import RemoteFile
from tfdml.data.ingestion import Sample, SetInfo
from tfdml.data.sets.one_archive import OneArchive
from tfdml.data.sets.tables import inside, one_of, read_table

LIST = "list_eval_partition.txt"


class InShop(OneArchive):
    """In-Shop Clothes: clothes of a shop, those to train on and others as query and gallery."""

    info = SetInfo(
        "inshop",
        "In-Shop Clothes",
        images=52_712,
        classes=7_982,
        license="Non-commercial research, by agreement with the publisher",
        source="https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html",
        paper="Liu et al., DeepFashion: Powering Robust Clothes Recognition and Retrieval, CVPR 2016",
        files=(RemoteFile("img.zip"), RemoteFile(LIST)),
        splits={"train": 25_882, "query": 14_218, "gallery": 12_612},
        manual=(
            "Its terms must be agreed to: follow the link to the In-shop Clothes Retrieval Benchmark on "
            "https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html and take "
            "Img/img.zip (the pictures of 256x256, not img_highres) and Eval/list_eval_partition.txt."
        ),
    )

    def get_classes(self):
        # An item has no name of its own: img/WOMEN/Dresses/id_00000002/02_1_front.jpg.
        shelves = {item: "/".join(path.split("/")[1:-2]) for path, item, _ in reversed(self._rows)}
        return {item: f"{shelves[item]}/{item}" for item in sorted(shelves)}

    def get_samples(self):
        return [Sample(item, path, retrieval=split) for path, item, split in self._rows]

    @cached_property
    def _rows(self):
        path = self.download(LIST)
        status = one_of("train", "query", "gallery")
        rows = read_table(path, {"image_name": inside, "item_id": str, "evaluation_status": status}, skip=2)
        count = "".join(read_lines(path)[:1])
        if count != str(len(rows)):
            raise ValueError(
                f"Expected {path} to have {count} rows as its first line says, received: {len(rows)}"
            )
        return rows
