"""The classes that the embedding takes for one another, side by side."""

import numpy as np

from tfdml.experiment.report.markup import Markup, section, tag, thumbnail
from tfdml.explain import confusions

PAIRS, PICTURES, MOST_NEIGHBORS = 8, 4, 4


def confused_classes(data):
    """Cards of the most confused pairs; empty where there is one class or nothing to find."""
    if not data.neighbors.shape[1] or len(np.unique(data.found_labels)) < 2:
        return Markup()
    reach = neighbors_to_count(data)
    pairs = confusions(data.labels, data.neighbor_labels[:, :reach], top=PAIRS, both_ways=True)
    counted = "the nearest neighbour" if reach == 1 else f"the {reach} nearest neighbours"
    if not pairs:
        words = f"No class is confused with another: {counted} of every query show its own."
        return section("confusions", "Most confused classes", tag("p", words))
    return section(
        "confusions",
        "Most confused classes",
        tag(
            "p",
            f"Counted over {counted} of every query of both classes: how many show the other one.",
        ),
        tag("ul", *(_card(data, pair) for pair in pairs), class_="pairs"),
    )


def neighbors_to_count(data):
    """As many neighbours as could all be right for half of the queries or more, up to four."""
    return int(np.clip(np.median(data.relevant), 1, min(MOST_NEIGHBORS, data.neighbors.shape[1])))


def _card(data, pair):
    a, b = pair.query_class, pair.neighbor_class
    total = round(pair.count / pair.share)
    return tag(
        "li",
        tag("div", _class(data, a), _class(data, b), class_="pair"),
        tag("p", tag("b", f"{pair.count} of {total}"), f" neighbours cross over ({100 * pair.share:.0f} %)"),
    )


def _class(data, label):
    shown = np.flatnonzero(data.labels == label)[:PICTURES]
    pictures = data.images(shown)
    if not len(shown):  # a class of the gallery that no query has
        pictures = data.found_images(np.flatnonzero(data.found_labels == label)[:PICTURES])
    name = data.name(label)
    return tag(
        "figure",
        tag("div", *(thumbnail(picture, name) for picture in pictures), class_="few"),
        tag("figcaption", name, title=name),
    )
