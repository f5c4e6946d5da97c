"""Reads MATLAB files."""

from tfdml.data.archives.mat4 import read_mat4
from tfdml.data.archives.mat5 import read_mat5
from tfdml.data.archives.trust import Refused, existing_file, named

_LARGEST = 2**28
_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_mat(path):
    """Reads the variables of a MATLAB file of version 4, 5, 6 or 7 (`save -v7` and before).

    What annotations consist of is read: numbers, text, cells and structs. SciPy's `loadmat` reads more, but
    is compiled code that trusts the file: one changed byte can end the process.

    Args:
        path: The file; at most 256 MiB, also when unpacked.

    Returns:
        A dict of the variables by name. Each is one of

        - a NumPy array. Vectors and single numbers have one dimension, matrices two. Text is an array of
          strings, one a row.
        - for a struct, a dict of what its fields are. For a struct array, each field is joined like a cell:
          `annotations["class"]` has the class of every element.
        - for a cell array, an array if every element is a single number, or every one a single text;
          otherwise a list of the elements, in the order of MATLAB (columns first).

    Raises:
        ValueError: The file is damaged, of version 7.3 (which is HDF5), or has anything else in it: objects,
            functions, sparse matrices, complex numbers.

    Example:

    ```python
    import scipy.io
    from tfdml.data.archives import read_mat

    scipy.io.savemat("labels.mat", {"labels": [[1, 1, 2]], "names": np.array(["wren", "jay"], object)})
    variables = read_mat("labels.mat")
    assert variables["labels"].tolist() == [1, 1, 2]
    assert variables["names"].tolist() == ["wren", "jay"]
    ```
    """
    path = existing_file(path)
    with named(path, "a MATLAB file of numbers, text, cells and structs"):
        if path.stat().st_size > _LARGEST:
            raise Refused(f"a file of more than {_LARGEST} bytes")
        data = path.read_bytes()
        if _HDF5 in (data[:8], data[512:520]):
            raise Refused("one of version 7.3, which is HDF5 (MATLAB writes others with `save -v7`)")
        if data[126:128] in (b"IM", b"MI"):
            return read_mat5(data, _LARGEST)
        return read_mat4(data)
