"""Libraries that come with an extra of the package, imported where they are used."""

import importlib


def require(module, extra, what):
    """The module of a library, or an `ImportError` that names the extra which brings it."""
    try:
        return importlib.import_module(module)
    except Exception as error:  # what a library that is there but does not fit may raise
        raise ImportError(
            f"{what} is not installed, or cannot be imported ({type(error).__name__}: {error}): "
            f"python -m pip install tfdml[{extra}] brings it"
        ) from error
