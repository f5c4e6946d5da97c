"""The mirrors of a file, one after the other."""

from tfdml.data.download.asking import BLOCK, new_session
from tfdml.data.download.errors import DownloadError, Interrupted, Refused, Unreachable
from tfdml.data.download.space import check_space
from tfdml.data.download.transfer import transfer
from tfdml.data.download.waiting import wait


def bring(file, partial, progress, note, retries, backoff, timeout):
    """Makes the file of what is here and what the mirrors have, in their order."""
    if partial.target.is_dir():
        raise IsADirectoryError("a folder has this name")
    if file.size is not None and 0 < partial.size >= file.size:
        if file.has_digest and file.fault(partial.path) is None:
            partial.finish()
            return
        partial.discard()
    check_space(partial, file.size)
    failed = []
    with new_session() as session:
        for url in file.urls:
            try:
                from_mirror(session, url, file, partial, progress, retries, backoff, timeout)
            except Refused as error:
                failed.append(f"{url}: {error}")
            else:
                partial.finish()
                return
    hint = f"{note} " if note else ""
    raise DownloadError(
        f"Cannot download {file.name}: {'; '.join(failed)}. {hint}"
        f"A file that was fetched by other means can be put at {partial.target}."
    )


def from_mirror(session, url, file, partial, progress, retries, backoff, timeout):
    """Asks one mirror until the file is here and verified."""
    scheme = url.partition("://")[0].lower()
    if scheme not in ("http", "https"):
        raise Refused(f"{scheme}:// is not supported, only http:// and https:// are")
    failures = 0
    began = most = partial.size
    while True:
        try:
            resumed = transfer(session, url, file, partial, timeout=timeout, progress=progress)
            if fault := file.fault(partial.path):
                partial.discard()
                # A part of another version, or of another mirror's, may be the reason.
                raise Interrupted(f"resumed, {fault}") if resumed else Refused(fault)
            return
        except Interrupted as error:
            # Bytes that come a second time, from a server without ranges, are no step ahead.
            failures = 1 if partial.size >= most + BLOCK else failures + 1
            most = max(most, partial.size)
            if isinstance(error, Unreachable) and most == began:
                raise Refused(str(error)) from error  # Wrong name or no network: waiting would not help.
            if failures > retries:
                raise Refused(f"{error}, {failures} times in a row" if retries else str(error)) from error
            wait(error, failures, backoff)
