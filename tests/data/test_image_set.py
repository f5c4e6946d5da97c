import numpy as np
import pytest

from tfdml.data import from_arrays


def pictures():
    return from_arrays(
        np.arange(6, dtype="uint8").reshape(6, 1, 1, 1).repeat(3, axis=3), [0, 0, 1, 1, 2, 2], "abc"
    )


def test_a_subset_numbers_its_images_anew_and_keeps_its_classes():
    part = pictures().subset([5, 2]).subset([1, 0])
    assert part.images()[:, 0, 0, 0].tolist() == [2, 5]
    assert part.images([1])[0, 0, 0, 0] == 5
    assert part.labels.tolist() == [1, 2] and part.class_names == ["a", "b", "c"] and part.num_classes == 2


def test_it_says_what_it_is():
    assert repr(pictures()) == "<ImageSet arrays: 6 images of 3 classes>"


@pytest.mark.parametrize(
    "images, labels, names, message",
    [
        (np.zeros((2, 4, 4, 3)), [0, 1], None, "images to be uint8 .* received: float64"),
        (np.zeros((2, 4, 4), "uint8"), [0, 1], None, r"images to be uint8 .* \(2, 4, 4\)"),
        (np.zeros((2, 4, 4, 3), "uint8"), [0, 1, 1], None, "labels to be 2 integers"),
        (np.zeros((2, 4, 4, 3), "uint8"), [0.5, 1], None, "labels to be 2 integers"),
        (np.zeros((2, 4, 4, 3), "uint8"), [-1, 1], None, "labels to be 2 integers"),
        (np.zeros((2, 4, 4, 3), "uint8"), [0, 1], ["one"], "class_names to have 2 names, received: 1"),
    ],
)
def test_refuses_arrays_that_do_not_fit(images, labels, names, message):
    with pytest.raises(ValueError, match=message):
        from_arrays(images, labels, names)
