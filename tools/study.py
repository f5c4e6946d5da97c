"""What the three programs of the HDML study share: its names, and the `tfdml` command that does the work."""

import argparse

import tfdml_command

# As the study's flags call them, and what they are called today.
DATASETS = {"cars196": "cars196", "cub200": "cub200_2011", "products": "online_products"}


def parser(text):
    """A parser of the study's flags, which have one hyphen; what it does not know goes to `tfdml`."""
    return argparse.ArgumentParser(
        description=text, allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )


def dataset(name):
    """Today's name of a data set of the study; any other name or path as it is."""
    return DATASETS.get(name, name)


def tfdml(*words):
    """Runs `tfdml`; its exit code."""
    return tfdml_command.main([str(word) for word in words])
