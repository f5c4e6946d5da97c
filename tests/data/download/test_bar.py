"""The bar of downloads."""

import io

import pytest
from rich.console import Console

from tfdml.data.download import progress_bar


@pytest.fixture
def console():
    return Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)


def test_shows_speed_and_time_left(serve, get, console):
    import time

    with progress_bar(console) as progress:
        get(serve({"during": lambda _: time.sleep(0.05)}), progress=progress)
    shown = console.file.getvalue()
    assert "images.bin" in shown
    assert "400.0/400.0 kB" in shown
    assert "MB/s" in shown
    assert "0:00:0" in shown


def test_names_are_no_markup(console):
    with progress_bar(console) as progress:
        progress("[red]a.zip", 0, 1)
    assert "[red]a.zip" in console.file.getvalue()


def test_what_was_there_before_is_no_speed(console):
    with progress_bar(console) as progress:
        progress("a.zip", 5_000_000, 10_000_000)
        progress("a.zip", 5_000_000, 10_000_000)
    assert "5.0/10.0 MB ?" in console.file.getvalue()


def test_starting_anew(console):
    with progress_bar(console) as progress:
        for done in range(0, 3_000_000, 100_000):
            progress("a.zip", done, 4_000_000)
        progress("a.zip", 1_000_000, 4_000_000)
    assert "1.0/4.0 MB ?" in console.file.getvalue()  # and not the speed of what is lost


def test_an_unknown_size(console):
    with progress_bar(console) as progress:
        progress("a.zip", 1_000_000, None)
    assert "1.0/? MB" in console.file.getvalue()
