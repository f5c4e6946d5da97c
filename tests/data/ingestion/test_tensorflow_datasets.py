import json

import numpy as np
import pytest

from tfdml.data import fit_picture, from_hdf5, from_tfds, ingest_tfds
from tfdml.data.ingestion.tensorflow_datasets import TfdsIngestion, _prepared

tfds = pytest.importorskip("tensorflow_datasets", reason="the extra `tfds` is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of TensorFlow Datasets, about its own dependencies

CLASSES = ("ant", "bee", "cat", "dog")


def picture(split, number):
    """Pixels of an example, of a size of its own."""
    rng = np.random.default_rng([len(split), number])
    return rng.integers(0, 256, (6 + number % 4, 9, 3), "uint8")


class Tiny(tfds.core.GeneratorBasedBuilder):
    """Four kinds, in two splits, in the order of a hash as every set there."""

    VERSION = tfds.core.Version("1.0.0")
    name = "tiny_of_tfdml"

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=CLASSES),
            "number": np.int64,
        }
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), homepage="https://tiny.example", license="CC0"
        )

    def _split_generators(self, _):
        return {"train": self._generate_examples("train", 20), "test": self._generate_examples("test", 8)}

    def _generate_examples(self, split, count):
        for number in range(count):
            yield number, {"image": picture(split, number), "label": number % 4, "number": number}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    builder = Tiny(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return builder


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDML_DATA", str(tmp_path / "data"))


def expected(builder, split):
    """Pictures and labels in the order of TensorFlow Datasets."""
    examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
    pictures = [fit_picture(picture(split, int(example["number"])), 8) for example in examples]
    return np.stack(pictures), [int(example["label"]) for example in examples]


@pytest.mark.parametrize("split, count", [("train", 20), ("test", 8)])
def test_a_split_as_an_image_set(builder, split, count):
    found = from_tfds(builder, split, size=8)
    pictures, labels = expected(builder, split)
    assert len(found) == count and found.class_names == list(CLASSES)
    order = np.argsort([int(source.rpartition("/")[2]) for source in found.sources])
    assert np.array_equal(found.images(order), pictures) and found.labels[order].tolist() == labels


def test_it_is_written_once(builder, tmp_path):
    from_tfds(builder, size=8)
    written = next((tmp_path / "data" / "tfds").glob("*.hdf5"))
    before = written.stat().st_mtime_ns
    assert len(from_tfds(builder, size=8)) == 28 and written.stat().st_mtime_ns == before
    assert from_tfds(builder, size=8, fit="pad").image_shape == (8, 8, 3)  # another file
    assert len(list((tmp_path / "data" / "tfds").glob("*.hdf5"))) == 2


def test_classes_are_kept_apart_for_retrieval(builder, tmp_path):
    path = ingest_tfds(builder, tmp_path / "tiny.hdf5", size=8)
    train, test = from_hdf5(path, "train"), from_hdf5(path, "test")
    assert set(train.labels) == {0, 1} and set(test.labels) == {2, 3} and len(train) == len(test) == 14
    assert set(from_hdf5(path, "test", by="classification").labels) == {0, 1, 2, 3}
    report = json.loads((tmp_path / "tiny.report.json").read_text())
    assert report["skipped"] == [] and report["images"] == 28


def test_some_classes(builder, tmp_path):
    drawn = from_hdf5(ingest_tfds(builder, tmp_path / "two.hdf5", size=8, n=2))
    assert drawn.num_classes == 2 and set(drawn.labels) == {0, 1}


def test_goes_on_after_an_interruption(builder, tmp_path, monkeypatch):
    from tfdml.data.ingestion import parallel
    from tfdml.data.ingestion.spool import Spool

    monkeypatch.setattr(parallel, "CHUNK", 4)
    whole = ingest_tfds(builder, tmp_path / "a" / "tiny.hdf5", size=8).read_bytes()
    append, stored = Spool.append, []

    def interrupted(spool, results):
        append(spool, results)
        stored.extend(results)
        if len(stored) == 16:
            raise KeyboardInterrupt

    monkeypatch.setattr(Spool, "append", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest_tfds(builder, tmp_path / "b" / "tiny.hdf5", size=8)
    assert ingest_tfds(builder, tmp_path / "b" / "tiny.hdf5", size=8).read_bytes() == whole
    assert len(stored) == 28


def test_a_set_by_its_name(builder):
    folder = str(builder.data_dir).rpartition(builder.name)[0]
    assert _prepared(builder.name, folder).info.name == builder.name


@pytest.mark.parametrize(
    "options, message",
    [
        ({"image": "number"}, r"image to be one of the Image features of tiny_of_tfdml \(image\), received"),
        ({"label": "number"}, r"label to be one of the ClassLabel features .*\(label\), received: 'number'"),
    ],
)
def test_features_that_are_not_there(builder, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        TfdsIngestion(builder, tmp_path / "x.hdf5", **options)


def test_names_that_are_not_there(builder, tmp_path):
    with pytest.raises(ValueError, match="name to be a set of TensorFlow Datasets, received: 'nothing_so'"):
        from_tfds("nothing_so", tfds_dir=tmp_path)
    with pytest.raises(ValueError, match=r"split to be one of .*'train'.*, received: 'tset'"):
        from_tfds(builder, "tset", size=8)


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"pip install tfdml\[tfds\]"):
        from_tfds("mnist")


def test_examples_without_a_label_are_left_out(builder, tmp_path, monkeypatch):
    read = TfdsIngestion._read

    def some_without(self, split, skip=0, **options):
        for example in read(self, split, skip, **options):
            yield {**example, "label": -1} if split == "test" and "image" not in example else example

    monkeypatch.setattr(TfdsIngestion, "_read", some_without)
    assert len(from_hdf5(ingest_tfds(builder, tmp_path / "x.hdf5", size=8))) == 20


def test_what_features_were_taken_is_part_of_the_recipe(builder, tmp_path):
    out = tmp_path / "x.hdf5"
    ingest_tfds(builder, out, size=8)
    recipe = json.loads((tmp_path / "x.report.json").read_text())["recipe"]
    assert (recipe["tfds"], recipe["image"], recipe["label"]) == ("tiny_of_tfdml/1.0.0", "image", "label")
