"""The map of the test embeddings."""

import numpy as np

from tfdml.experiment.report.markup import data_uri, section, tag
from tfdml.explain import CLASS_COLORS, embedding_map, map_layout


def atlas(data):
    """The map; a class's name comes up over its pictures, its colour is named where classes are few."""
    layout = map_layout(data.embeddings, seed=data.seed)
    drawn = embedding_map(
        data.embeddings, data.images, data.labels, seed=data.seed, layout=layout, background=None
    )
    rows, columns = layout.shape
    names = [
        tag(
            "b",
            style=f"left:{100 * column / columns:.2f}%;top:{100 * row / rows:.2f}%",
            title=data.name(data.labels[index]),
        )
        for index, row, column in zip(layout.indices, layout.rows, layout.columns, strict=True)
    ]
    classes = np.unique(data.labels)
    legend = [
        tag("li", tag("i", style=f"background:rgb{color}".replace(" ", ""), class_="key"), data.name(label))
        for label, color in zip(classes, CLASS_COLORS, strict=False)
    ]
    alt = f"{len(layout.indices):,} test pictures, each placed by its embedding"
    return section(
        "map",
        "Map of the test embeddings",
        tag("p", f"{_said(data, layout)} Pictures that lie close together are alike to the embedding."),
        tag("ul", *legend, class_="legend") if len(classes) <= len(CLASS_COLORS) else "",
        tag(
            "div",
            tag(
                "div",
                tag("img", src=data_uri(drawn, quality=80), alt=alt),
                tag("div", *names, class_="spots", aria_hidden="true"),
                class_="map",
                style=f"--cell-width:{100 / columns:.3f}%;--cell-height:{100 / rows:.3f}%;"
                f"--least:{min(720, 18 * columns)}px;--most:{96 * columns}px",
            ),
            class_="scroll",
        ),
    )


def _said(data, layout):
    n, shown = len(data.labels), len(layout.indices)
    how = f"Laid out by t-SNE (seed {data.seed}) and snapped to a grid, so that no picture covers another."
    thinned = f", taken at equal steps from {n:,}" if layout.considered < n else ""
    if shown == layout.considered:
        return f"{how} All {shown:,} pictures are shown{thinned}."
    some = f"{shown:,} of {layout.considered:,} pictures{thinned} are shown"
    return f"{how} {some}; the others found no free cell."
