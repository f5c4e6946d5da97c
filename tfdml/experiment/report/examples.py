"""Queries with their nearest neighbours: some drawn by lot, and the worst failures."""

import numpy as np

from tfdml.experiment.report.markup import Markup, section, tag, thumbnail

DRAWN, FAILURES, SHOWN = 10, 8, 8


def examples(data):
    """Both sheets; empty where there is nothing to find."""
    if not data.neighbors.shape[1] or not (data.relevant > 0).any():
        return Markup()
    drawn, failed = draw_queries(data), worst_failures(data)
    right = (data.neighbor_labels[:, 0] == data.labels)[data.relevant > 0]
    lot = f"{len(drawn)} queries drawn by lot (seed {data.seed})" if len(drawn) > 1 else "One query"
    where = "among the gallery's pictures" if data.has_gallery else "among all other test pictures"
    sheets = section(
        "queries",
        "What the embedding finds",
        tag("p", f"{lot} and the pictures nearest to each {where}, closest first. {_marks(data)}"),
        _sheet(data, drawn),
    )
    if not len(failed):
        return sheets + section(
            "failures", "Worst failures", tag("p", "No query has a wrong nearest neighbour.")
        )
    surest = " and, among equals, whose nearest neighbour is closest" if data.distances is not None else ""
    return sheets + section(
        "failures",
        "Worst failures",
        tag(
            "p",
            f"{(~right).sum():,} of {len(right):,} queries have a wrong nearest neighbour. These are the "
            f"ones whose first right neighbour comes last{surest}; each pair of classes comes once.",
        ),
        _sheet(data, failed),
    )


def draw_queries(data, most=DRAWN):
    """Indices of queries that have something to find, drawn without replacement."""
    able = np.flatnonzero(data.relevant > 0)
    return np.random.default_rng(data.seed).permutation(able)[:most]


def worst_failures(data, most=FAILURES):
    """Indices of queries with a wrong nearest neighbour, the worst first, each pair of classes once."""
    right = data.neighbor_labels == data.labels[:, None]
    first_right = np.where(right.any(axis=1), right.argmax(axis=1), right.shape[1])
    closeness = np.zeros(len(right)) if data.distances is None else data.distances[:, 0]
    order = np.lexsort((closeness, -first_right))
    order = order[(first_right[order] > 0) & (data.relevant[order] > 0)]
    pairs = np.sort(np.stack([data.labels, data.neighbor_labels[:, 0]], axis=1)[order], axis=1)
    _, first_of_pair = np.unique(pairs, axis=0, return_index=True)
    return order[np.sort(first_of_pair)[:most]]


def _marks(data):
    number = " The number is the distance." if data.distances is not None else ""
    return f"A tick marks the query's own class; a cross marks another, which is named.{number}"


def _sheet(data, queries):
    found = data.neighbors[queries, :SHOWN]
    pictures = dict(zip(unique := np.unique(found[found >= 0]), data.found_images(unique), strict=True))
    rows = [
        tag(
            "li",
            tag(
                "figure",
                thumbnail(picture, f"Query: {data.name(data.labels[query])}"),
                _caption(data.name(data.labels[query])),
                class_="query",
            ),
            tag(
                "ol",
                *(_neighbor(data, query, rank, pictures[i]) for rank, i in enumerate(row) if i >= 0),
                class_="found",
            ),
        )
        for query, row, picture in zip(queries, found, data.images(queries), strict=True)
    ]
    return tag("ul", *rows, class_="sheet")


def _neighbor(data, query, rank, picture):
    label = data.found_labels[data.neighbors[query, rank]]
    right = label == data.labels[query]
    words = "right" if right else "wrong"
    distance = "" if data.distances is None else _rounded(data.distances[query, rank])
    return tag(
        "li",
        tag(
            "span",
            thumbnail(picture, f"{data.name(label)} ({words})"),
            tag("svg", tag("use", href=f"#{words}"), viewBox="0 0 20 20", aria_hidden="true"),
            class_="picture",
        ),
        "" if right else _caption(data.name(label)),
        tag("small", distance) if distance else "",
        class_=words,
    )


def _rounded(distance):
    return f"{distance:.3f}" if abs(distance) < 10 else f"{distance:.4g}"


def _caption(name):
    return tag("span", name, class_="name", title=name)
