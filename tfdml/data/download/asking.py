"""Requests and the bytes that answer them; what fails says whether it is worth another try."""

import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from tfdml.data.download.errors import Interrupted, Refused, Unreachable
from tfdml.files import reason
from tfdml.version import __version__

BLOCK = 1 << 16


def new_session():
    """A `requests.Session` for downloads. Proxies are those of the environment."""
    session = requests.Session()
    # Ranges are of the bytes that a server has, not of what it may compress them to.
    session.headers.update({"User-Agent": f"tfdml/{__version__}", "Accept-Encoding": "identity"})
    session.max_redirects = 10
    session.hooks["response"].append(skip_body_of_redirect)
    return session


def skip_body_of_redirect(response, **_):
    """Keeps requests from reading the whole page that comes with a redirect, which may have no end."""
    if response.is_redirect:
        response.close()
        response._content = b""


def ask(session, url, headers, timeout):
    """Sends a request; gives the response, its body unread."""
    try:
        return session.get(url, headers=headers, stream=True, timeout=timeout)
    except requests.TooManyRedirects as error:
        raise Refused(f"it redirects more than {session.max_redirects} times") from error
    except requests.exceptions.SSLError as error:
        raise Refused(reason(innermost(error))) from error
    except (requests.ConnectionError, requests.Timeout) as error:
        unreachable = isinstance(error, requests.ConnectTimeout) or any(
            isinstance(cause, NewConnectionError) for cause in causes(error)
        )
        kind = Unreachable if unreachable else Interrupted
        raise kind(reason(innermost(error))) from error
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise Refused(reason(error)) from error  # What a server gives as an address may be none.


def blocks(response):
    """The bytes of a response as they come.

    They are the bytes that the server has: some say "Content-Encoding: gzip" of what is a .tar.gz by itself,
    and it should not be unpacked on the way.
    """
    try:
        while block := response.raw.read1(BLOCK, decode_content=False):
            yield block
    except HTTPError as error:
        raise Interrupted(f"the connection was lost ({reason(innermost(error))})") from error


def causes(error):
    """An error, the one that it wraps, and so on.

    `__context__` is not followed: it may be an error that the caller is just dealing with.
    """
    while error is not None:
        yield error
        wrapped = (error.__cause__, getattr(error, "reason", None), *error.args)
        error = next((each for each in wrapped if isinstance(each, Exception)), None)


def innermost(error):
    """What the system said, without the wrappings of the libraries."""
    *_, first = causes(error)
    return first
