"""Downloads a file in a process of its own: `python alone.py URL FOLDER SIZE SHA256`.

`import tfdml` loads Keras and TensorFlow, which takes seconds, and a test that kills 20 of these has not the
time. The packages above the download are therefore put in place without running their `__init__`: the
download itself imports nothing of them but `tfdml.version` and `tfdml.files`.
"""

import sys
import types
from importlib.util import find_spec
from pathlib import Path

top = Path(find_spec("tfdml").submodule_search_locations[0])
for name, folder in (("tfdml", top), ("tfdml.data", top / "data")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(folder)]

from tfdml.data.download import RemoteFile, download_file  # noqa: E402

url, folder, size, sha256 = sys.argv[1:]
print("started", flush=True)
download_file(RemoteFile("images.bin", (url,), int(size), sha256), folder, backoff=0)
