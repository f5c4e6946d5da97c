"""Buffers: every sample with the same probability, or as many of each class."""

import numpy as np
import pytest

from tfdml.continual import ClassBalanced, Part, Replay, Reservoir


def part(start, stop, classes=4):
    numbers = np.arange(start, stop)
    return Part.of((numbers[:, None].astype(float), numbers % classes))


def test_a_reservoir_is_uniform_over_the_stream():
    counts = np.zeros(60)
    for seed in range(2000):
        buffer = Reservoir(12, seed)
        for start, stop in ((0, 5), (5, 30), (30, 31), (31, 60)):  # parts of any size
            buffer.add(part(start, stop))
        kept = buffer.part.x[:, 0].astype(int)
        assert len(set(kept)) == 12
        counts[kept] += 1
    # Binomial of 2,000 draws with probability 12 / 60: five standard deviations are 89.
    assert np.abs(counts - 400).max() < 89


def test_a_reservoir_with_room_keeps_all_in_order():
    buffer = Reservoir(10)
    buffer.add(part(0, 4))
    buffer.add(part(4, 9))
    assert buffer.part.x[:, 0].tolist() == list(range(9))


def test_classes_have_as_many_each():
    buffer = ClassBalanced(9)
    buffer.add(part(0, 40, classes=2))
    first = set(buffer.part.x[:, 0])
    assert sorted(np.bincount(buffer.part.labels)) == [4, 5]
    new = part(40, 60, classes=1)
    buffer.add(Part(new.x, new.labels + 2, new.index, new.task))
    assert np.bincount(buffer.part.labels).tolist() == [3, 3, 3]
    assert len(set(buffer.part.x[:, 0]) & first) == 6  # what was kept goes on being kept


def test_fewer_places_than_classes():
    buffer = ClassBalanced(2)
    buffer.add(part(0, 8))
    assert len(buffer.part) == 2


@pytest.mark.parametrize(
    "make", [lambda: Reservoir(0), lambda: Replay(5, "fifo"), lambda: Replay(5, share=1)]
)
def test_bad_arguments_are_named(make):
    with pytest.raises(ValueError, match=r"Expected (capacity|buffer|share) to be"):
        make()
