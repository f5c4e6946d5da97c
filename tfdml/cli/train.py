"""`tfdml train`."""

import json
import sys
import time
from pathlib import Path

from tfdml import experiment
from tfdml.cli.tables import print_figures
from tfdml.experiment.progress import seconds
from tfdml.files import is_about_files


def run(arguments):
    """Trains by a recipe, or goes on with a run that was interrupted."""
    parser = experiment.recipe_parser(
        prog="tfdml train",
        usage="tfdml train [--recipe RECIPE] [--FIELD VALUE ...] [--out RUN], or tfdml train --resume RUN",
        description="Train an embedding by a recipe, evaluate it on unseen classes and write a report. "
        "What is not said is as in the recipe called default; --print_config shows everything.",
    )
    parser.add_argument(
        "--out", type=str, default=None, help="Run folder; runs/NAME-OF-THE-DATA if not given."
    )
    parser.add_argument(
        "--resume", type=str, default=None, metavar="RUN", help="Go on with an interrupted run."
    )
    parser.add_argument("--print_config", action="store_true", help="Print the whole recipe and exit.")
    settings = experiment.parse_recipe(parser, arguments)
    began = time.monotonic()
    if settings.resume:
        if len(arguments) > (1 if "=" in arguments[0] else 2):
            raise ValueError(
                "Expected --resume alone (a run keeps its recipe), received: other arguments with it"
            )
        out = settings.resume
        finished = _watched(out, lambda: experiment.resume(out))
    else:
        recipe, text = experiment.build_recipe(parser, settings), experiment.recipe_text(parser, settings)
        if settings.print_config:
            print(text, end="")
            return
        out = settings.out or experiment.next_free(Path("runs") / Path(recipe.data).resolve().name)
        finished = _watched(out, lambda: experiment.train(recipe, text, out))
    print_figures(json.loads(finished.metrics.read_text(encoding="utf-8"))["test"], "On held-out pictures")
    print(f"Report: {finished.report} ({seconds(time.monotonic() - began)})")


def _watched(folder, work):
    """Tells how to go on with what stopped in the middle."""
    try:
        return work()
    except KeyboardInterrupt:
        resumable = experiment.RunFolder(folder).recipe.is_file()
        hint = f"To go on: tfdml train --resume {folder}" if resumable else "Nothing was written."
        print(f"\nInterrupted. {hint}", file=sys.stderr)
        raise
    except Exception as error:  # a full disk, or pictures out of reach
        if is_about_files(error) and experiment.RunFolder(folder).recipe.is_file():
            error.add_note(f"(tfdml train --resume {folder} goes on)")
        raise
