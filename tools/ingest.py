"""Writes an image set of the HDML study to an HDF5 file.

    python tools/ingest.py -d cub200 -n 20
    python tools/ingest.py -d cars196 --fuel

It is `tfdml ingest`, with the names of the study. Other words go to that command: `--fuel` for the layout of
the study's own files, `--dir FOLDER`, `--size 128`.
"""

import sys

from study import dataset, parser, tfdml


def main(arguments=None):
    """Ingests a set; the exit code."""
    flags = parser(__doc__.splitlines()[0])
    flags.add_argument("-d", "--dataset", required=True, help="cars196, cub200, products or another name")
    flags.add_argument("-n", type=int, help="number of classes to draw; all if not given")
    chosen, rest = flags.parse_known_args(arguments)
    drawn = [] if chosen.n is None else ["-n", chosen.n]
    return tfdml("ingest", "-d", dataset(chosen.dataset), *drawn, *rest)


if __name__ == "__main__":
    sys.exit(main())
