import hashlib

import pytest

from tfdml.data.ingestion.spool import Spool

PICTURES = [bytes([number]) * (number + 1) for number in range(5)]
IDENTITY = '{"set": "five"}'


def written(picture):
    return picture, hashlib.sha256(picture).digest()


@pytest.fixture
def spool(tmp_path):
    """A function that opens it again."""

    def open_(offset=0, identity=IDENTITY):
        return Spool(tmp_path / "pictures", offset, tmp_path / "journal", identity)

    return open_


@pytest.fixture
def half(spool):
    first = spool()
    first.append([written(PICTURES[0]), written(PICTURES[1])])
    first.append([written(PICTURES[2]), (None, "torn")])
    first.close()
    return spool


def state(spool):
    found = spool.done, spool.sizes, dict(spool.skipped), spool.digests
    spool.close()
    return found


DIGESTS = [written(picture)[1] for picture in PICTURES]


def test_goes_on_after_what_was_written(half, tmp_path):
    again = half()
    assert (again.done, again.sizes, again.skipped) == (4, [1, 2, 3], {3: "torn"})
    again.append([written(PICTURES[4])])
    assert state(again) == (5, [1, 2, 3, 5], {3: "torn"}, [*DIGESTS[:3], DIGESTS[4]])
    assert (tmp_path / "pictures").read_bytes() == b"".join([*PICTURES[:3], PICTURES[4]])


def test_a_line_that_was_cut_off_counts_for_nothing(half, tmp_path):
    journal = tmp_path / "journal"
    journal.write_bytes(journal.read_bytes()[:-9])
    assert state(half())[:3] == (2, [1, 2], {})


def test_pictures_that_never_reached_the_disk_are_done_again(half, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.write_bytes(pictures.read_bytes()[:-1] + b"\0")
    assert state(half())[:3] == (2, [1, 2], {})
    pictures.write_bytes(pictures.read_bytes()[:2])
    assert state(half())[:3] == (0, [], {})


def test_something_else_is_not_gone_on_with(half):
    assert state(half(identity='{"set": "six"}'))[0] == 0


def test_pictures_go_behind_what_is_before_them(tmp_path, spool):
    (tmp_path / "pictures").write_bytes(b"head........")
    first = spool(offset=4)
    first.append([written(b"ab")])
    first.close()
    assert (tmp_path / "pictures").read_bytes() == b"headab......"
    assert state(spool(offset=4))[0] == 1
