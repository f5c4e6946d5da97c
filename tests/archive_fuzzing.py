"""What the fuzz tests of archives and data files share: a place to read them in, and damage."""

import os
import shutil
import stat
import struct
import warnings

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tfdml.data.archives import unpack

EXAMPLES = int(os.environ.get("TFDML_FUZZ_EXAMPLES", "150"))
bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 150,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Place:
    """A folder to unpack into, in the middle of a tree that must not change."""

    def __init__(self, root):
        self.root, self.out, self.file = root, root / "a/b/out", root / "a/file"
        self.out.parent.mkdir(parents=True)
        for name in ("x", "a/x", "a/b/x", "a/b/set/x"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_text("as it was")
        self.before = self.tree()

    def tree(self):
        inside = (path for path in self.root.rglob("*") if path not in (self.out, self.file))
        return {
            path: path.read_bytes() if path.is_file() else None
            for path in inside
            if self.out not in path.parents
        }

    def outcome(self, data, read):
        """What `read` gives for a file, or the `ValueError`; checks what else it did."""
        self.file.write_bytes(data)
        try:
            with warnings.catch_warnings(record=True) as leaked:
                warnings.simplefilter("always")
                try:
                    return read(self.file)
                except ValueError as error:
                    assert str(self.file) in str(error)
                    assert not self.out.exists()
                    return error
        finally:
            assert not leaked
            assert self.tree() == self.before
            for path in self.out.rglob("*"):
                assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR)
            shutil.rmtree(self.out, ignore_errors=True)

    def unpack(self, data):
        return self.outcome(data, lambda path: unpack(path, self.out, largest=10**7))


def damaged(data):
    """Strategy of `data` with bytes changed, runs of it repeated, moved or cut out, and the end cut off."""
    places = st.integers(0, len(data) - 1)
    byte = st.integers(0, 255) | st.sampled_from([0, 1, 14, 15, 127, 128, 255])
    change = st.one_of(
        st.tuples(st.just("byte"), places, byte),
        st.tuples(st.just("number"), places, st.sampled_from([0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1])),
        st.tuples(st.just("copy"), places, places),
        st.tuples(st.just("cut"), places, st.integers(1, 600)),
        st.tuples(st.just("end"), places, st.just(0)),
    )

    def apply(changes):
        result = bytearray(data)
        for kind, at, value in changes:
            if kind == "byte" and at < len(result):
                result[at] = value
            elif kind == "number":
                result[at : at + 4] = struct.pack("<I", value)
            elif kind == "copy":
                result[at:at] = result[value : value + 600]
            elif kind == "cut":
                del result[at : at + value]
            elif kind == "end":
                del result[at:]
        return bytes(result)

    return st.lists(change, min_size=1, max_size=6).map(apply)
