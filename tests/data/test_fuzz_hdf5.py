"""HDF5 files with bytes changed at random: what comes of them is an image set, or a named error.

The bytes go through HDF5's own parser, which has crashed on such files before, so another process reads them.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from data.ingestion.toys import toy

SCRIPT = """
import os, sys
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tfdml.data import from_hdf5

originals = [open(path, "rb").read() for path in sys.argv[2:]]
target = sys.argv[1]
seen = set()

@st.composite
def mutated(draw):
    content = bytearray(draw(st.sampled_from(originals)))
    # Most of a file are pixels; what matters stands before them.
    head = min(len(content), 8000)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, head - 8))
        content[place : place + 1] = draw(st.binary(min_size=1, max_size=8))[:8]
    end = draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    return bytes(content[:end])

@settings(max_examples=400, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))
@given(mutated())
def check(content):
    with open(target, "wb") as file:
        file.write(content)
    try:
        found = from_hdf5(target)
        pixels = found.images(np.arange(min(len(found), 4)))
        assert pixels.dtype == np.uint8 and pixels.shape[1:] == found.image_shape
        seen.add("read")
    except ValueError as error:
        assert target in str(error) or "split" in str(error), error
        seen.add("refused")

check()
print(sorted(seen))
"""


def test_bytes_changed_at_random(tmp_path):
    paths = [
        toy(tmp_path / "raw").start(),
        toy(tmp_path / "png", encoding="png").start(),
        toy(tmp_path / "fuel", fuel=True, size=8).start(),
    ]
    before = sorted(path for path in Path(tmp_path).rglob("*"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "it.hdf5"), *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "['read', 'refused']\n"
    assert sorted(path for path in Path(tmp_path).rglob("*")) == sorted([*before, tmp_path / "it.hdf5"])


@pytest.mark.parametrize("keep", [0, 100, 1000, 5000])
def test_a_file_that_was_cut_off(keep, tmp_path):
    from tfdml.data import from_hdf5

    path = toy(tmp_path).start()
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"toy\.hdf5 to be an image set in HDF5"):
        from_hdf5(path)
