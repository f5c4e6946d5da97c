"""Parsing that fails with one line."""

from argparse import ArgumentError

from jsonargparse import ArgumentParser


def parse(command, description, arguments, options):
    """Settings of a subcommand.

    Args:
        command: Its name.
        description: What its help begins with.
        arguments: The words after the command.
        options: What `add_argument` takes, by the name of the option, or by its names with commas.

    Raises:
        ValueError: A word is wrong; the message names it.
    """
    parser = ArgumentParser(prog=f"tfdml {command}", description=description, exit_on_error=False)
    for name, settings in options.items():
        parser.add_argument(*name.split(","), **settings)
    try:
        return parser.parse_args(arguments)
    except ArgumentError as error:
        raise ValueError(" ".join(str(error).split())) from None
