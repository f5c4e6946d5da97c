"""A recipe in, a run folder out."""

from tfdml.experiment.classes import add_class, drop_class, list_classes, redo_classes, undo_classes
from tfdml.experiment.classifier import Classifier, load_classifier, save_classifier
from tfdml.experiment.classifying import Classified, Voter, classify, draw_classified
from tfdml.experiment.exporting import export
from tfdml.experiment.finishing import evaluate
from tfdml.experiment.recipe import Recipe
from tfdml.experiment.recipe_parser import build_recipe, load_recipe, parse_recipe, recipe_parser, recipe_text
from tfdml.experiment.run_folder import RunFolder, next_free
from tfdml.experiment.searching import Match, draw_matches, find_similar
from tfdml.experiment.sheets import check_sheet
from tfdml.experiment.training import resume, train

__all__ = [
    "Classified",
    "Classifier",
    "Match",
    "Recipe",
    "RunFolder",
    "Voter",
    "add_class",
    "build_recipe",
    "check_sheet",
    "classify",
    "draw_classified",
    "draw_matches",
    "drop_class",
    "evaluate",
    "export",
    "find_similar",
    "list_classes",
    "load_classifier",
    "load_recipe",
    "next_free",
    "parse_recipe",
    "recipe_parser",
    "recipe_text",
    "redo_classes",
    "resume",
    "save_classifier",
    "train",
    "undo_classes",
]
