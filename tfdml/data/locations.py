"""Where downloaded and ingested image sets lie."""

import os
from pathlib import Path

VARIABLE = "TFDML_DATA"


def data_dir(path=None):
    """The folder of image sets: `path` if given, else the variable `TFDML_DATA`, else `~/.tfdml/data`."""
    return Path(path or os.environ.get(VARIABLE) or Path.home() / ".tfdml" / "data").expanduser()
