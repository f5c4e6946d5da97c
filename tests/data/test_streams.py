import keras
import numpy as np
import pytest

from tfdml.data import from_arrays


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


def test_refuses_what_is_no_layer(pictures):
    with pytest.raises(ValueError, match="augment to be a list of Keras layers, received: 'flip'"):
        pictures.balanced_batches(3, 2, augment=["flip"])


def test_refuses_an_empty_batch(pictures):
    with pytest.raises(ValueError, match=r"batch_size .* received: 0"):
        pictures.ordered_batches(0)
