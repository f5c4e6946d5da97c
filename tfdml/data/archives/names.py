"""Which names of members are safe, on every system, and which of them would meet on one."""

import re
import unicodedata

from tfdml.data.archives.trust import Refused, shortened

_LONGEST_PART, _LONGEST = 255, 1024
_NOT_EVERYWHERE = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
# Windows opens its devices under these names, in every folder and with every extension.
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)


def checked_name(name):
    """The name of a member as `folder/file`, without what has no meaning (`./`, `//`); `""` is the root.

    Raises:
        Refused: It leads out of its folder, or there is a system on which it cannot be written.
    """
    for unsafe, why in (
        (name.startswith("/"), "is an absolute path"),
        (re.match(r"[A-Za-z]:", name), "has a drive letter"),
        ("\\" in name, "has a backslash, which separates folders on Windows"),
        ("\0" in name, "has a NUL"),
        (_NOT_EVERYWHERE.search(name), "has a character that not every system allows"),
        (not is_unicode(name), "is no Unicode text"),
        (len(name) > _LONGEST, "is too long"),
    ):
        if unsafe:
            raise Refused(f"the name {shortened(repr(name), 200)} {why}")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    for part in parts:
        if part == "..":
            raise Refused(f"the name {name!r} leads out of the folder")
        if part[-1] in ". ":
            raise Refused(f"the name {name!r} has a part that ends in a dot or space, which Windows drops")
        if _DEVICE.fullmatch(part):
            raise Refused(f"the name {name!r} is that of a device on Windows")
        if len(part.encode()) > _LONGEST_PART:
            raise Refused(f"the name {name!r} is too long")
    return "/".join(parts)


def is_unicode(name):
    """Whether a name was text in its archive. Bytes that were not are surrogates in it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_apple_double(name):
    """Whether a member is what macOS adds to archives: resource forks and the like, no data."""
    parts = name.split("/")
    return parts[0] == "__MACOSX" or parts[-1].startswith("._")


class Names:
    """The names that are taken. macOS and Windows take `a` and `A` for one, macOS two ways to write `é`.

    Args:
        most: Most files and folders.
    """

    def __init__(self, most):
        self.most = most
        self._taken = {}  # name in one case and normal form: name as it is, whether it is a folder
        self._folders = {""}

    def take(self, name, is_folder):
        """Takes the name of a member, and of the folders it is in.

        Raises:
            Refused: Something else has it.
        """
        folder, _, _ = name.rpartition("/")
        if folder not in self._folders:
            self._take_folders(folder)
        if is_folder:
            self._take_folders(name)
        else:
            self._take(name, False)

    def _take_folders(self, name):
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            folder = "/".join(parts[:end])
            if folder not in self._folders:
                self._take(folder, True)
                self._folders.add(folder)

    def _take(self, name, is_folder):
        form = _one_form(name)
        if form in self._taken:
            earlier, was_folder = self._taken[form]
            if earlier != name:
                raise Refused(f"{name!r} and {earlier!r} are one name on some systems")
            raise Refused(
                f"{name!r} is there twice" + (", as file and as folder" * (was_folder != is_folder))
            )
        self._taken[form] = name, is_folder
        if len(self._taken) > self.most:
            raise Refused(f"more than {self.most} files and folders")


def _one_form(name):
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
