"""Archives and data files from elsewhere, read without trusting them."""

from tfdml.data.archives.idx import read_idx
from tfdml.data.archives.lines import read_lines
from tfdml.data.archives.mat import read_mat
from tfdml.data.archives.pickles import read_pickle
from tfdml.data.archives.unpacking import unpack

__all__ = ["read_idx", "read_lines", "read_mat", "read_pickle", "unpack"]
