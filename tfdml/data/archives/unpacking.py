"""Unpacks archives of unknown origin."""

import errno
import os
import shutil
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tfdml.data.archives.members import FILE, FOLDER, WHOLE
from tfdml.data.archives.names import Names, checked_name, is_apple_double
from tfdml.data.archives.tars import tar_members
from tfdml.data.archives.trust import LARGEST, RATIO, Meter, Refused, existing_file, named
from tfdml.data.archives.zips import zip_members
from tfdml.files import remove, written_whole

_CHUNK_BYTES = 2**18


def unpack(path, folder, *, keep=None, largest=LARGEST, ratio=RATIO, members=1_000_000):
    """Unpacks a zip or tar archive into a new folder, which appears when it is whole.

    The content decides what the archive is, not its name: zip, or tar as it is or packed by gzip, bzip2 or
    xz. Files and folders are all that is taken. An archive is refused, and nothing of it stays, when it is
    damaged or has a member that

    - has a name that leads out of the folder or that some system cannot write: absolute, with `..`,
      backslashes, drive letters, `<>:"|?*`, control characters, names of Windows devices, dots or spaces at
      the end, more than 1,024 characters;
    - has the name of another, or one that is the same up to case and Unicode normalisation;
    - is a link, a device, a fifo, a sparse file, or encrypted.

    What macOS adds (`__MACOSX/`, `._name`) is left out. Permissions and times of the members are not kept.

    A folder that is there was unpacked whole, so who unpacks several archives and is killed goes on with
    `if not folder.exists(): unpack(path, folder)`.

    Args:
        path: The archive.
        folder: The folder to make. It must not be there.
        keep: Function of the name of a file in the archive (`"folder/file.jpg"`) that says whether to unpack
            it; members that are not kept may be of any kind. Defaults to `None`: all are.
        largest: Most bytes that may come out. Defaults to 64 GiB.
        ratio: Most bytes that may come out for one byte of the archive; 16 MiB always may. Defaults to `100`.
        members: Most files and folders in the archive. Defaults to `1_000_000`.

    Raises:
        ValueError: The archive is refused; the message names it and the member.
        OSError: The disk is full (of a zip that is known before) or refuses.

    Example:

    ```python
    import zipfile
    from tfdml.data.archives import unpack

    with zipfile.ZipFile("photos.zip", "w") as archive:
        archive.writestr("photos/images.txt", "1 a.jpg")
        archive.writestr("photos/readme", "")
    unpack("photos.zip", "unpacked", keep=lambda name: name.endswith(".txt"))
    assert Path("unpacked/photos/images.txt").read_text() == "1 a.jpg"
    assert not Path("unpacked/photos/readme").exists()
    ```
    """
    path, folder = existing_file(path), Path(folder)
    if os.path.lexists(folder):
        raise ValueError(f"Expected folder to be a new one, received: {folder}, which is there")
    meter = Meter(path.stat().st_size, largest, ratio)
    names = Names(members)
    with written_whole(folder) as part, ExitStack() as stack:
        remove(part)  # of a process with the same number that was killed
        part.mkdir()
        if _is_zip(path):
            found = stack.enter_context(zip_members(path, members))
            picked = list(_pick(path, found, names, keep))
            with named(path, WHOLE):
                meter.check(needed := sum(member.size for member, _ in picked))
            _check_space(part, needed)
            write = partial(_write, count=meter.add)
        else:
            picked = _pick(path, stack.enter_context(tar_members(path, meter)), names, keep)
            write = partial(_write, count=lambda _: None)  # the stream counts
        empty, made = True, set()
        for member, name in picked:
            empty = False
            target = part / name
            place = target if member.kind == FOLDER else target.parent
            if place not in made:
                place.mkdir(parents=True, exist_ok=True)
                made.add(place)
            if member.kind == FILE:
                with named(path, WHOLE):
                    write(member, target)
        if empty:  # a download that failed may be a file of zeros, which is a tar without members
            raise ValueError(f"Expected {path} to have files to unpack, received: none")


def _is_zip(path):
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _pick(path, found, names, keep):
    """The members to unpack, with the names to give them."""
    for number, member in enumerate(found, 1):
        with named(path, WHOLE):
            if number > names.most:
                raise Refused(f"more than {names.most} members")
            name = checked_name(member.name)
        if is_apple_double(name) or (keep is not None and (member.kind == FOLDER or not keep(name))):
            continue
        with named(path, WHOLE):
            if member.kind not in (FILE, FOLDER):
                raise Refused(f"{member.name!r} is {member.kind}")
            if name == "" and member.kind == FILE:
                raise Refused(f"{member.name!r} is no name of a file")
            if name:
                names.take(name, member.kind == FOLDER)
        if name:
            yield member, name


def _check_space(folder, needed):
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"{needed} bytes are needed where {free} are free")


def _write(member, target, count):
    written = 0
    try:
        # "x": where the disk takes two names for one, which `Names` does not know of, nothing is overwritten.
        with member.open() as source, target.open("xb") as file:
            while data := source.read(_CHUNK_BYTES):
                count(len(data))
                written += len(data)
                file.write(data)
    except FileExistsError as error:
        raise Refused(f"{member.name!r} has the name of another member on this disk") from error
    if member.size not in (None, written):
        raise Refused(f"{member.name!r} has {written} bytes where it says {member.size}")
