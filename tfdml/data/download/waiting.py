"""How long to wait before a server is asked again."""

import random
import time

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from tfdml.data.download.errors import Refused

LONGEST = 120


def asked_to_wait(header):
    """Seconds that a `Retry-After` header asks for, in figures or as a date; None where it says nothing."""
    try:
        return None if header is None else float(Retry().parse_retry_after(header))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def wait(error, failures, backoff):
    """Waits before the next request: as long as the server asked, else twice as long each time.

    Args:
        error: The `Interrupted` of the last one.
        failures: How many have failed in a row, 1 or more.
        backoff: Seconds after the first failure. A random part of up to half is left out, so that those who
            lost the same server do not come back at the same moment.

    Raises:
        Refused: The server asks for more than two minutes.
    """
    if error.wait is None:
        seconds = min(backoff * 2 ** min(failures - 1, 30), LONGEST) * random.uniform(0.5, 1)
    else:
        seconds = error.wait
    if seconds > LONGEST:
        raise Refused(f"{error}, and asks to come back in {seconds:.0f} seconds") from error
    time.sleep(seconds)
