"""How long to wait before a server is asked again."""

import time
from email.utils import formatdate

import pytest

from tfdml.data.download import waiting
from tfdml.data.download.errors import Interrupted, Refused
from tfdml.data.download.waiting import asked_to_wait, wait


@pytest.fixture
def slept(monkeypatch):
    waits = []
    monkeypatch.setattr(waiting.time, "sleep", waits.append)
    return waits


def test_figures_and_dates(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1e9)
    assert asked_to_wait(None) is None
    assert asked_to_wait("7") == 7
    assert asked_to_wait("0") == 0
    assert asked_to_wait(formatdate(1e9 + 60, usegmt=True)) == 60
    assert asked_to_wait(formatdate(1e9 - 60, usegmt=True)) == 0


@pytest.mark.parametrize(
    "header", ["", "soon", "-1", "1.5", "9" * 5000, "Mon, 99 Foo 99999999999 00:00:00 GMT"]
)
def test_nonsense_is_no_wish(header):
    assert asked_to_wait(header) is None


def test_waits_double(slept):
    for failures in (1, 2, 3, 4):
        wait(Interrupted("busy"), failures, backoff=2)
    for seconds, longest in zip(slept, (2, 4, 8, 16), strict=True):
        assert longest / 2 <= seconds <= longest


def test_waits_have_an_end(slept):
    wait(Interrupted("busy"), 10_000, backoff=1)
    assert 60 <= slept[0] <= 120


def test_what_the_server_asks_goes_first(slept):
    wait(Interrupted("busy", wait=0), 9, backoff=5)
    wait(Interrupted("busy", wait=90.0), 1, backoff=0)
    assert slept == [0, 90]


def test_a_server_that_asks_for_too_much_is_left(slept):
    with pytest.raises(Refused, match="busy, and asks to come back in 3600 seconds"):
        wait(Interrupted("busy", wait=3600.0), 1, backoff=0)
    assert not slept
