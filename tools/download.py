"""Downloads the image sets of the HDML study: Cars196, CUB-200-2011 and Stanford Online Products.

    python tools/download.py
    python tools/download.py -d cub200

It is `tfdml download`, with the names of the study. Other words go to that command: `--dir FOLDER`.
"""

import sys

from study import DATASETS, dataset, parser, tfdml

INTERRUPTED = 130  # by Ctrl-C


def main(arguments=None):
    """Downloads one set or, without a flag, all three; the exit code."""
    flags = parser(__doc__.splitlines()[0])
    flags.add_argument(
        "-d", "--dataset", help="one set: cars196, cub200, products or a name of tfdml datasets"
    )
    chosen, rest = flags.parse_known_args(arguments)
    names = [chosen.dataset] if chosen.dataset else list(DATASETS)
    codes = []
    for name in names:
        codes.append(tfdml("download", dataset(name), *rest))
        if codes[-1] == INTERRUPTED:
            break
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
