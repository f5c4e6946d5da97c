import subprocess
import sys
import threading
import time

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdml.data import ImageSet, from_arrays, pipeline
from tfdml.data.pipeline import READERS
from tfdml.data.stores import RawStore


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(6), 5)
    return from_arrays(rng.integers(0, 256, (30, 8, 8, 3), "uint8"), labels)


def content(batches):
    return [(inputs["image"].numpy(), inputs["index"].numpy(), label.numpy()) for inputs, label in batches]


def equal(first, second):
    return all(
        np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True)
    )


AUGMENT = [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1)]


def test_batches_hold_image_index_and_label(pictures):
    for image, index, label in content(pictures.balanced_batches(3, 2)):
        assert image.dtype == "float32" and index.dtype == label.dtype == "int64"
        assert np.array_equal(image, pictures.images(index))
        assert np.array_equal(label, pictures.labels[index])


def test_without_the_index_a_batch_is_image_and_label(pictures):
    image, label = next(iter(pictures.balanced_batches(3, 2, index=False)))
    assert image.shape == (6, 8, 8, 3) and label.shape == (6,)


def test_each_pass_is_another_epoch_of_known_length(pictures):
    batches = pictures.balanced_batches(3, 2)
    first, second = content(batches), content(batches)
    assert len(first) == len(second) == batches.cardinality() == 6
    assert not equal(first, second)


def test_the_seed_decides_the_augmentation_too(pictures):
    first = content(pictures.balanced_batches(3, 2, seed=1, augment=AUGMENT))
    again = content(pictures.balanced_batches(3, 2, seed=1, augment=AUGMENT))
    other = content(pictures.balanced_batches(3, 2, seed=2, augment=AUGMENT))
    assert equal(first, again) and not equal(first, other)
    assert not np.array_equal(first[0][0], pictures.images(first[0][1]))


@pytest.mark.parametrize("start", [1, 5, 6, 8])
def test_goes_on_at_a_batch_as_if_it_had_never_stopped(pictures, start):
    batches = pictures.balanced_batches(3, 2, augment=AUGMENT)
    whole = content(batches) + content(batches) + content(batches)
    resumed = pictures.balanced_batches(3, 2, augment=AUGMENT, start_batch=start)
    rest = content(resumed) + content(resumed)
    assert equal(rest, whole[start : start + len(rest)])


def test_nested_random_layers_are_seeded(pictures):
    nested = [keras.Sequential(AUGMENT)]
    first = content(pictures.balanced_batches(3, 2, augment=nested))
    assert equal(first, content(pictures.balanced_batches(3, 2, augment=nested)))


def test_ordered_batches_give_every_image_once_in_order(pictures):
    batches = pictures.ordered_batches(8)
    found = content(batches)
    assert len(found) == batches.cardinality() == 4
    assert np.concatenate([index for _, index, _ in found]).tolist() == list(range(30))
    assert np.array_equal(np.concatenate([image for image, _, _ in found]), pictures.images())


def test_pictures_are_brought_to_a_size(pictures):
    assert next(iter(pictures.ordered_batches(4, image_size=12)))[0]["image"].shape == (4, 12, 12, 3)


def test_shuffled_batches_give_every_image_once_an_epoch(pictures):
    batches = pictures.shuffled_batches(8)
    first, second = content(batches), content(batches)
    assert batches.cardinality() == 4
    for epoch in (first, second):
        assert [len(index) for _, index, _ in epoch] == [8, 8, 8, 6]
        assert sorted(np.concatenate([index for _, index, _ in epoch])) == list(range(30))
        assert all(np.array_equal(image, pictures.images(index)) for image, index, _ in epoch)
        assert all(np.array_equal(label, pictures.labels[index]) for _, index, label in epoch)
    assert not equal(first, second)
    assert equal(first, content(pictures.shuffled_batches(8)))
    assert not equal(first, content(pictures.shuffled_batches(8, seed=1)))


def test_shuffled_batches_may_leave_out_what_fills_no_batch(pictures):
    batches = pictures.shuffled_batches(8, drop_remainder=True)
    assert batches.element_spec[0]["image"].shape == (8, 8, 8, 3)
    first, second = (np.concatenate([index for _, index, _ in content(batches)]) for _ in range(2))
    assert len(set(first)) == len(first) == 24 and set(first) != set(second)


@pytest.mark.parametrize("start", [1, 4, 6])
def test_shuffled_batches_go_on_as_if_they_had_never_stopped(pictures, start):
    batches = pictures.shuffled_batches(8, augment=AUGMENT)
    whole = content(batches) + content(batches) + content(batches)
    resumed = pictures.shuffled_batches(8, augment=AUGMENT, start_batch=start)
    rest = content(resumed) + content(resumed)
    assert equal(rest, whole[start : start + len(rest)])


def test_two_passes_at_once_are_two_epochs(pictures):
    batches = pictures.balanced_batches(3, 2)
    expected = [content(batches), content(batches)]
    again = pictures.balanced_batches(3, 2)
    found = list(zip(again, again, strict=True))
    assert all(equal(content([pass_[k] for pass_ in found]), expected[k]) for k in range(2))


STREAMS = {
    "balanced": lambda pictures, **options: pictures.balanced_batches(6, 2, **options),
    "shuffled": lambda pictures, **options: pictures.shuffled_batches(12, **options),
    "ordered": lambda pictures, **options: pictures.ordered_batches(12, **options),
}


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_shards_together_are_the_batch(pictures, stream, count):
    whole = content(stream(pictures))
    shards = [content(stream(pictures, shard=(index, count))) for index in range(count)]
    parts = zip(*shards, strict=True)  # as many batches each
    joined = [[np.concatenate(arrays) for arrays in zip(*batch, strict=True)] for batch in parts]
    assert equal(joined, whole)


def test_a_shard_of_a_balanced_batch_is_whole_classes(pictures):
    for _, _, labels in content(pictures.balanced_batches(6, 2, shard=(1, 3))):
        assert np.unique(labels, return_counts=True)[1].tolist() == [2, 2]


def test_shards_are_augmented_differently(pictures):
    same = from_arrays(pictures.images([0] * 8), np.arange(8))
    shards = [content(same.balanced_batches(8, 1, shard=(k, 2), augment=AUGMENT))[0][0] for k in range(2)]
    assert not np.array_equal(*shards)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_shard_reads_its_own_rows_only(pictures, stream):
    store = Watched(pictures.store)
    pictures.store = store
    found = content(stream(pictures, shard=(0, 2)))
    assert sorted(store.rows) == sorted(np.concatenate([index for _, index, _ in found]))


class Watched:
    """A store that keeps what it was asked for."""

    def __init__(self, store, wait=lambda: None):
        self.store, self.shape, self.rows, self.wait = store, store.shape, [], wait

    def read(self, rows):
        self.wait()
        self.rows.extend(int(row) for row in rows)
        return self.store.read(rows)


def test_a_pipeline_of_several_replicas_gives_their_parts_in_turn(pictures):
    context = tf.distribute.InputContext(2, 1, 4)  # the second of two pipelines of two replicas each
    batches = content(pictures.ordered_batches(8, shard=context))
    assert [index.tolist() for _, index, _ in batches[:4]] == [[4, 5], [6, 7], [12, 13], [14, 15]]
    assert len(batches) == 8


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0), 1, (0, 1, 2), ("0", 2), "01"])
def test_refuses_a_shard_that_is_none(pictures, shard):
    with pytest.raises(ValueError, match=r"shard to be \(index, count\)"):
        pictures.ordered_batches(8, shard=shard)


def test_refuses_batches_that_cannot_be_dealt_out(pictures):
    with pytest.raises(ValueError, match="classes_per_batch to be a multiple of the 2 shards, received: 3"):
        pictures.balanced_batches(3, 2, shard=(0, 2))
    with pytest.raises(ValueError, match="batch_size to be a multiple of the 2 shards, received: 5"):
        pictures.shuffled_batches(5, shard=(0, 2))


def test_batches_are_read_by_several_threads(pictures):
    together = threading.Barrier(2, timeout=20)
    pictures.store = Watched(pictures.store, together.wait)
    assert len(content(pictures.ordered_batches(5))) == 6


def test_no_more_is_read_ahead_than_the_readers_hold(pictures):
    many = pictures.subset(np.arange(3000) % 30)
    many.store = Watched(pictures.store)
    batches = iter(many.ordered_batches(10))
    next(batches)
    before = None
    while before != (before := len(many.store.rows)):
        time.sleep(0.3)
    assert before <= 10 * (1 + READERS)


def test_large_batches_have_fewer_readers(pictures, monkeypatch):
    monkeypatch.setattr(pipeline, "IN_FLIGHT", 2 * (5 * 8 * 8 * 3 * 5) - 1)  # bytes, and four times as floats
    together = threading.Barrier(2, timeout=0.2)
    pictures.store = Watched(pictures.store, together.wait)
    with pytest.raises(tf.errors.UnknownError, match="BrokenBarrierError"):
        content(pictures.ordered_batches(5))


def test_what_is_wrong_with_a_file_is_told(tmp_path):
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["images"] = np.zeros((30, 8, 8, 3), "uint8")
    store = RawStore(tmp_path / "x.hdf5", "images", (30, 8, 8, 3))
    (tmp_path / "x.hdf5").unlink()
    gone = ImageSet(store, np.arange(30), list("abc") * 10, "gone", [""] * 30)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"x\.hdf5 .* received: no file there"):
        next(iter(gone.ordered_batches(5)))


# A program that ends while its stream is read: without care it never ends, or aborts.
ENDING = """
import tfdml
emoji = tfdml.data.load("emoji")
batches = iter(emoji.balanced_batches(32, 4).prefetch(4))
next(batches)
print("over")
"""


def test_a_program_may_end_in_the_middle_of_a_stream():
    done = subprocess.run([sys.executable, "-c", ENDING], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "over\n"), done.stderr
    assert "Traceback" not in done.stderr


def test_refuses_what_is_no_layer(pictures):
    with pytest.raises(ValueError, match="augment to be a list of Keras layers, received: 'flip'"):
        pictures.balanced_batches(3, 2, augment=["flip"])


@pytest.mark.parametrize("method", ["ordered_batches", "shuffled_batches"])
def test_refuses_an_empty_batch(pictures, method):
    with pytest.raises(ValueError, match=r"batch_size .* received: 0"):
        getattr(pictures, method)(0)


def test_a_set_without_images_has_no_ordered_batches_and_cannot_be_shuffled(pictures):
    empty = pictures.subset([])
    assert content(empty.ordered_batches(4)) == []
    with pytest.raises(ValueError, match="image_set to have 1 images or more, received: 0"):
        empty.shuffled_batches(4)
    with pytest.raises(ValueError, match="image_set to have 31 images or more, received: 30"):
        pictures.shuffled_batches(31, drop_remainder=True)


def test_refuses_a_start_before_the_first_batch(pictures):
    with pytest.raises(ValueError, match="start_batch to be 0 or more, received: -1"):
        pictures.shuffled_batches(4, start_batch=-1)
