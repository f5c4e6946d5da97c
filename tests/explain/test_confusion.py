import numpy as np
import pytest

from tfdml.explain import confusions


def loop(query_labels, neighbor_labels):
    """Crossing neighbours of each ordered pair, counted one by one."""
    counts = {}
    for query, row in zip(query_labels, neighbor_labels, strict=True):
        for other in row:
            if other >= 0 and other != query:
                counts[query, other] = counts.get((query, other), 0) + 1
    return counts


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    return rng.integers(0, 5, 40), rng.integers(-1, 5, (40, 6))


def test_counts_what_a_loop_counts(found):
    pairs = confusions(*found, top=100)
    assert {pair[:2]: pair.count for pair in pairs} == loop(*found)
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)


def test_shares_are_of_the_neighbours_that_exist(found):
    labels, neighbors = found
    for pair in confusions(labels, neighbors, top=100):
        own = neighbors[labels == pair.query_class]
        assert pair.share == pytest.approx(pair.count / (own >= 0).sum())


def test_both_ways_adds_the_two_directions(found):
    one_way = loop(*found)
    for pair in confusions(*found, top=100, both_ways=True):
        assert pair.query_class < pair.neighbor_class
        a, b = pair[:2]
        assert pair.count == one_way.get((a, b), 0) + one_way.get((b, a), 0)


def test_gives_no_more_than_asked(found):
    assert confusions(*found, top=3) == confusions(*found, top=100)[:3]


def test_nothing_is_confused_where_all_neighbours_are_right():
    assert confusions([0, 0, 1], [[0, 0], [0, 0], [1, 1]]) == []


def test_takes_the_nearest_neighbour_alone():
    assert confusions([0, 1], [1, 1])[0][:3] == (0, 1, 1)


@pytest.mark.parametrize(
    "arguments, named",
    [
        pytest.param(([0, 1], [[0]]), "neighbor_labels", id="another number of queries"),
        pytest.param(([[0]], [[0]]), "query_labels", id="query labels of two dimensions"),
        pytest.param(([0], [[0]], 0), "top", id="no pairs"),
    ],
)
def test_refuses(arguments, named):
    with pytest.raises(ValueError, match=f"Expected .*{named}.*received"):
        confusions(*arguments)
