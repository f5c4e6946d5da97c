"""`tfdml classes`, and `tfdml classes add`, `drop`, `undo` and `redo`."""

from tfdml import experiment
from tfdml.cli.parsing import parse
from tfdml.cli.tables import print_table

RUN = {"run": {"type": str, "help": "run folder, of a recipe that classifies such as nngk"}}
NAME = {"name": {"type": str, "help": "name of the class"}}
PICTURES = {"pictures": {"type": str, "nargs": "+", "help": "picture files, or folders of them"}}
MORE = (
    "tfdml classes add RUN NAME PICTURES adds a class, or pictures to one; tfdml classes drop RUN NAME drops "
    "one; tfdml classes undo RUN takes the last change back, and redo makes it again. Nothing is trained."
)
ACTIONS = {
    "add": (
        "Add a class of a few pictures, or pictures to a class, without training.",
        RUN | NAME | PICTURES,
    ),
    "drop": ("Drop a class and its pictures.", RUN | NAME),
    "undo": ("Take back the last change to the classes.", RUN),
    "redo": ("Make a change again that was taken back.", RUN),
}


def run(arguments):
    """Lists the classes of a run, or changes them."""
    action, *rest = arguments or [None]
    if action not in ACTIONS:
        settings = parse("classes", f"List the classes of a run. {MORE}", arguments, RUN)
        show(experiment.list_classes(settings.run))
        return
    description, options = ACTIONS[action]
    settings = parse(f"classes {action}", description, rest, options)
    if action == "add":
        count, new = experiment.add_class(settings.run, settings.name, settings.pictures)
        kind = "a new class" if new else "a class that there was"
        print(f"Added {pictures(count)} of {settings.name!r}, {kind}.")
    elif action == "drop":
        print(
            f"Dropped {settings.name!r} with {pictures(experiment.drop_class(settings.run, settings.name))}."
        )
    elif action == "undo":
        print(f"Taken back: {experiment.undo_classes(settings.run)}.")
    else:
        print(f"Made again: {experiment.redo_classes(settings.run)}.")
    counts = experiment.list_classes(settings.run)
    print(f"{settings.run} has {len(counts)} classes of {pictures(sum(counts.values()))}.")


def show(counts):
    """Prints classes with their counts."""
    title = f"{len(counts)} classes of {pictures(sum(counts.values()))}"
    print_table(["class", "pictures"], [[name, str(count)] for name, count in counts.items()], title)


def pictures(count):
    """A number of pictures in words."""
    return f"{count} picture{'' if count == 1 else 's'}"
