"""The figures: the headline, and the table with what each one means."""

import math

from tfdml.experiment.report.markup import Markup, join, section, tag

# In the order of the table: key, name, what it means.
FIGURES = {
    "accuracy": ("Accuracy", "Share of pictures whose most probable class is their own."),
    "top5_accuracy": ("Top-5 accuracy", "The same for one of the five most probable classes."),
    "recall@1": ("R@1", "Share of pictures whose nearest neighbour shows the same class."),
    "recall@2": ("R@2", "The same for one of the two nearest."),
    "recall@4": ("R@4", "The same for one of the four nearest."),
    "recall@8": ("R@8", "The same for one of the eight nearest."),
    "precision@1": ("P@1", "Share of nearest neighbours that show the same class."),
    "r_precision": ("R-precision", "Share of right ones among as many neighbours as could be right."),
    "map@r": ("MAP@R", "As R-precision, but an early right one counts for more than a late one."),
    "map": ("MAP", "Mean precision at every right neighbour, down the whole ranking."),
    "mrr": ("MRR", "Mean of one over the rank of the first right neighbour."),
    "ndcg": ("NDCG", "Right neighbours down the whole ranking, the early ones counting most."),
    "nmi": ("NMI", "How well k-means clusters of the embeddings match the classes (mutual information)."),
    "ami": ("AMI", "As NMI, corrected for what chance alone would give."),
    "v_measure": ("V-measure", "Harmonic mean of homogeneity and completeness: the same as NMI."),
    "f1": ("F1", "How well pairs of pictures in one cluster match pairs of one class."),
}  # fmt: skip
HEADLINE = ("accuracy", "recall@1", "map@r")
CARD = {"map@r": "Of the neighbours that could be right: how many are, and how early they come."}
REFERENCE = "untrained"


def figure_name(key):
    """Name of a figure as a person reads it."""
    if key in FIGURES:
        return FIGURES[key][0]
    return f"R@{key.removeprefix('recall@')}" if key.startswith("recall@") else key


def number(value):
    """A finite float, or None."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def percent(value):
    """A share as per cent, as text."""
    return f"{100 * value:.1f}"


def headline(data):
    """Bars of the two figures that matter most, and a sentence that says them in words."""
    first = next(iter(data.results))
    known = [key for key in FIGURES if number(data.results[first].get(key)) is not None]
    keys = [key for key in HEADLINE if key in known] or known[:2]
    if not keys:
        return Markup()
    return tag("div", *(_card(data.results, key) for key in keys), class_="cards") + _in_words(data.results)


def _card(results, key):
    values = {name: number(figures.get(key)) for name, figures in results.items()}
    first, *others = values
    bars = [
        tag("dt", name.capitalize(), class_="first" if name == first else None)
        + tag(
            "dd",
            tag("span", tag("i", style=f"width:{100 * min(max(value, 0), 1):.2f}%"), class_="bar"),
            tag("span", percent(value), class_="value"),
            class_="first" if name == first else None,
        )
        for name, value in values.items()
        if value is not None
    ]
    gains = [
        tag("li", tag("strong", _points(values[first] - values[name])), f" points over {name}")
        for name in others
        if values[name] is not None
    ]
    return tag(
        "div",
        tag("h3", figure_name(key)),
        tag("p", CARD.get(key, FIGURES[key][1]), class_="meaning"),
        tag("p", percent(values[first]), tag("small", "%"), class_="big"),
        tag("ul", *gains, class_="gains") if gains else "",
        tag("dl", *bars, class_="bars"),
        class_="card",
    )


def _points(difference):
    return f"{100 * difference:+.1f}".replace("-", "−")


def _in_words(results):
    first, *others = results
    share = number(results[first].get("recall@1"))
    if share is None:
        return Markup()
    rest = [
        f"{_of_hundred(value)} {_by(name)}"
        for name in others
        if (value := number(results[name].get("recall@1"))) is not None
    ]
    sentence = f"Of 100 pictures, {_of_hundred(share)} have a picture of their own class as nearest neighbour"
    return tag("p", sentence + (f"; {', '.join(rest)}." if rest else "."), class_="lead")


def _of_hundred(share):
    return math.floor(100 * share + 0.5)


def _by(name):
    return "before training" if name == REFERENCE else f"by {name}"


def score_table(data):
    """All figures of all models, the best in bold, and what training brought."""
    names = list(data.results)
    present = [
        key
        for figures in data.results.values()
        for key, value in figures.items()
        if isinstance(value, str) or number(value) is not None
    ]
    keys = [key for key in FIGURES if key in present] + sorted(set(present) - set(FIGURES))
    gain = REFERENCE in names[1:]
    head = ["", *(name.capitalize() for name in names), *(["Gain"] if gain else [])]
    body = [_row(data.results, key, gain) for key in keys]
    meanings = [tag("dt", FIGURES[key][0]) + tag("dd", FIGURES[key][1]) for key in keys if key in FIGURES]
    compared = "The best of each row is bold. " if len(names) > 1 else ""
    brought = f"Gain: points of {names[0]} over {REFERENCE}. " if gain else ""
    return section(
        "figures",
        "All figures",
        tag(
            "div",
            tag(
                "table",
                tag("caption", f"Shares in per cent; higher is better. {compared}{brought}".strip()),
                tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head))),
                tag("tbody", *body),
            ),
            tag("dl", *meanings, class_="meanings"),
            class_="figures",
        ),
    )


def _row(results, key, gain):
    values = [number(figures.get(key)) for figures in results.values()]
    known = key in FIGURES or key.startswith("recall@")
    best = max((value for value in values if value is not None), default=None) if len(values) > 1 else None
    cells = []
    for figures, value in zip(results.values(), values, strict=True):
        if value is None:
            shown = figures[key] if isinstance(figures.get(key), str) else "–"
        elif known:
            shown = percent(value)
        else:
            shown = f"{value:,.0f}" if value == int(value) else f"{value:.4g}"
        if known and value is not None and best is not None and percent(value) == percent(best):
            shown = tag("strong", shown)
        cells.append(tag("td", shown))
    if gain:
        reference = values[list(results).index(REFERENCE)]
        both = known and values[0] is not None and reference is not None
        cells.append(tag("td", _points(values[0] - reference) if both else "", class_="gain"))
    return tag("tr", tag("th", figure_name(key), scope="row"), join(cells))
