import numpy as np
import pytest

from tfdml.data import BalancedSampler


def sizes(*counts):
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize(
    "labels, classes, images",
    [
        pytest.param(sizes(*[5, 6] * 10), 8, 4, id="five and six"),
        pytest.param(sizes(*[8] * 12), 4, 4, id="no remainder"),
        pytest.param(sizes(1, 2, 3, 50), 3, 4, id="very unequal"),
        pytest.param(sizes(7, 7), 2, 3, id="two classes"),
        pytest.param(np.random.default_rng(0).permutation(sizes(*range(1, 30))), 5, 2, id="shuffled"),
    ],
)
@pytest.mark.parametrize("epoch", [0, 1])
def test_every_image_is_seen_and_none_twice_before_all_of_its_class(labels, classes, images, epoch):
    batches = BalancedSampler(labels, classes, images).epoch(epoch)
    assert set(batches.ravel()) == set(range(len(labels)))
    for label in np.unique(labels):
        drawn = [i for i in batches.ravel() if labels[i] == label]
        members = np.count_nonzero(labels == label)
        assert len(set(drawn[:members])) == members


def test_every_batch_has_its_classes_and_images():
    labels = sizes(*[5, 6] * 10)
    for batch in BalancedSampler(labels, 8, 4).epoch(0):
        assert np.unique(labels[batch], return_counts=True)[1].tolist() == [4] * 8


def test_an_image_is_repeated_in_a_batch_only_where_its_class_is_too_small():
    labels = sizes(2, 6, 6)
    for batch in BalancedSampler(labels, 3, 4).epoch(0):
        repeated = np.flatnonzero(np.bincount(batch, minlength=len(labels)) > 1)
        assert set(labels[repeated]) <= {0}


def test_no_more_batches_than_the_visits_need():
    assert BalancedSampler(sizes(*[5, 6] * 10), 8, 4).steps == 5  # 20 classes of 2 visits in batches of 8
    assert BalancedSampler(sizes(1, 2, 3, 50), 3, 4).steps == 13  # the largest class alone has 13


def test_the_seed_and_the_epoch_decide_the_batches():
    labels = sizes(*[5] * 10)
    first = BalancedSampler(labels, 4, 2, seed=1)
    assert np.array_equal(first.epoch(3), BalancedSampler(labels, 4, 2, seed=1).epoch(3))
    assert not np.array_equal(first.epoch(3), first.epoch(4))
    assert not np.array_equal(first.epoch(3), BalancedSampler(labels, 4, 2, seed=2).epoch(3))


def test_labels_need_not_count_from_zero():
    batches = BalancedSampler(np.array([7, 7, 99, 99]), 2, 2).epoch(0)
    assert sorted(batches.ravel()) == [0, 1, 2, 3]


@pytest.mark.parametrize("classes", [0, 4])
def test_refuses_more_classes_than_there_are(classes):
    with pytest.raises(ValueError, match=rf"classes_per_batch .* \(3\), received: {classes}"):
        BalancedSampler(sizes(2, 2, 2), classes, 2)


def test_refuses_no_images():
    with pytest.raises(ValueError, match=r"images_per_class .* received: 0"):
        BalancedSampler(sizes(2, 2), 2, 0)
