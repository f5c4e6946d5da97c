"""What may go wrong at a mirror."""


class DownloadError(OSError):
    """No mirror gave the file; the message names each of them and why it did not."""


class Refused(Exception):
    """This mirror will not give the file, however often it is asked."""


class Interrupted(Exception):
    """This mirror may give the file if it is asked again.

    Args:
        why: The reason, for people.
        wait: Seconds that the server asks to wait. Defaults to None, which leaves it to us.
    """

    def __init__(self, why, wait=None):
        super().__init__(why)
        self.wait = wait


class Unreachable(Interrupted):
    """There was no connection at all."""
