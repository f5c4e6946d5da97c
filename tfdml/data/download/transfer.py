"""One request to one mirror."""

import os
import re

from tfdml.data.download.asking import ask, blocks
from tfdml.data.download.errors import Interrupted, Refused
from tfdml.data.download.partial import version_of
from tfdml.data.download.space import check_space
from tfdml.data.download.waiting import asked_to_wait

PASSING = {408, 429, 500, 502, 503, 504}


def transfer(session, url, file, partial, *, timeout, progress):
    """Brings what `partial` misses of `file` from `url`.

    Args:
        session: The session of `new_session`.
        url: The address.
        file: The `RemoteFile`.
        partial: The `Partial` to add to; it starts anew where it cannot be proved to be of the same version.
        timeout: Seconds without a byte.
        progress: Function of the file's name, the bytes that are here, and all of them or None.

    Returns:
        Whether bytes of an earlier request are in it.

    Raises:
        Interrupted: Another request may bring more.
        Refused: It will not.
    """
    version = partial.version(url)
    headers = {}
    # Bytes can be added to those of an earlier request if the server says that they are of one version, or if
    # the digest shows it in the end; that may be another mirror then.
    if partial.size and (version or file.has_digest):
        headers["Range"] = f"bytes={partial.size}-"
        if version:
            headers["If-Range"] = version
    with ask(session, url, headers, timeout) as response:
        refuse_status(response, asked="Range" in headers)
        read = {200: whole_body, 206: part_of_body, 416: nothing_missing}[response.status_code]
        start, total = read(response, partial, version)
        if file.size is not None and total is not None and total != file.size:
            raise Refused(f"it has {total} bytes, expected {file.size}")
        if start is None:
            return True
        total = file.size if total is None else total
        check_space(partial, total)
        if start == 0:
            partial.begin(url, version_of(response.headers))
        receive(response, partial, start, total, lambda done: progress(file.name, done, total))
    return start > 0


def refuse_status(response, asked):
    """Raises unless the status is 200, 206, or, where a range was asked for, 416."""
    code = response.status_code
    if code in PASSING:
        wait = asked_to_wait(response.headers.get("Retry-After"))
        raise Interrupted(f"{code} {response.reason}", wait)
    if code not in (200, 206) and not (asked and code == 416):
        raise Refused(f"{code} {response.reason}")


# Each of these gives where the bytes of a response belong (None: nothing is missing) and how many the whole
# file has (None: unknown).


def whole_body(response, partial, version):
    """The file from its start, whether or not a part of it was asked for."""
    # A length beside chunks is to be ignored (RFC 9112, 6.3).
    length = "" if "Transfer-Encoding" in response.headers else response.headers.get("Content-Length", "")
    return 0, int(length) if re.fullmatch(r"\d{1,18}", length) else None


def part_of_body(response, partial, version):
    """The bytes behind those that are here."""
    found = content_range(response, r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
    if not found or int(found[1]) != partial.size:
        start_anew(partial, "it sent another range than was asked for")
    # Some servers know ranges and do not look at If-Range.
    if version and version_of(response.headers) not in (None, version):
        start_anew(partial, "the file has changed")
    return int(found[1]), None if found[2] == "*" else int(found[2])


def nothing_missing(response, partial, version):
    """No bytes: there are none behind those that are here."""
    found = content_range(response, r"bytes \*/(\d{1,18})")
    if not found or int(found[1]) != partial.size:
        start_anew(partial, f"{response.status_code} {response.reason}")
    return None, partial.size


def content_range(response, pattern):
    """The match of the `Content-Range` header, or None."""
    return re.fullmatch(pattern, response.headers.get("Content-Range", ""))


def start_anew(partial, why):
    """The part that is here cannot be gone on from."""
    partial.discard()
    raise Interrupted(why)


def receive(response, partial, start, total, progress):
    """Writes the body of a response behind the first `start` bytes of `partial`."""
    done = start
    with partial.path.open("ab") as out:
        progress(done)
        for block in blocks(response):
            done += len(block)
            if total is not None and done > total:
                break
            out.write(block)
            progress(done)
        out.flush()
        os.fsync(out.fileno())
    if total is not None and done > total:
        partial.discard()
        raise Refused(f"it sent more than the {total} bytes of the file")
    if total is not None and done < total:
        raise Interrupted(f"it sent {done} of {total} bytes")
