"""Training curves as small SVG pictures that follow the page's colours."""

import math

from tfdml.experiment.report.markup import join, section, tag
from tfdml.experiment.report.scores import FIGURES, figure_name, number

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 42
# Of the validation figures, these say most; all of them are in metrics.csv.
SHOWN = ("accuracy", "recall@1", "map@r", "r_precision", "nmi")
MOST_SERIES = 4


def curves(data):
    """The loss and the validation figures over the epochs; empty if nothing was recorded."""
    losses = _series(data.history, lambda key: key == "loss" or key.endswith("_loss"), _loss_name)
    measured = {key for row in data.history for key in row if key.removeprefix("val_") in FIGURES}
    wanted = [f"val_{key}" for key in SHOWN if f"val_{key}" in measured]
    wanted = wanted or sorted(key for key in measured if key.startswith("val_"))
    figures = _series(
        data.history, wanted.__contains__, lambda key: figure_name(key.removeprefix("val_")), scale=100
    )
    charts = [
        _chart(name, series, unit)
        for name, series, unit in (("Loss", losses, ""), ("Validation, in per cent", figures, " %"))
        if series
    ]
    return section("curves", "Training", tag("div", *charts, class_="charts")) if charts else ""


def _loss_name(key):
    return {"loss": "Training", "val_loss": "Validation"}.get(key, key)


def _series(history, chosen, name, scale=1):
    """`{name: [(epoch, value), ...]}` of what was measured, at most `MOST_SERIES`."""
    series = {}
    for position, row in enumerate(history, 1):
        epoch = number(row.get("epoch"))
        for key, value in row.items():
            if chosen(key) and number(value) is not None:
                at = position if epoch is None else epoch
                series.setdefault(name(key), []).append((at, scale * number(value)))
    return dict(list(series.items())[:MOST_SERIES])


def ticks(low, high, most):
    """Round numbers, at most `most` steps apart evenly, that enclose `low` and `high`."""
    if high <= low:
        low, high = low - 0.5 * max(abs(low), 1e-9), high + 0.5 * max(abs(high), 1e-9)
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, last + 1)]


def _chart(name, series, unit):
    points = [point for line in series.values() for point in line]
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    levels = ticks(min(y for _, y in points), max(y for _, y in points), 6)

    def across(x):
        return LEFT + (WIDTH - LEFT - RIGHT) * ((x - first) / (last - first) if last > first else 0.5)

    def up(y):
        share = (y - levels[0]) / (levels[-1] - levels[0])
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    parts = []
    for level in levels:
        parts.append(_line(LEFT, up(level), WIDTH - RIGHT, up(level), class_="grid"))
        parts.append(_label(LEFT - 8, up(level) + 4, f"{level:.10g}", "end"))
    epochs = [x for x in ticks(first, last, 7) if first <= x <= last and x == int(x)] or [first]
    parts += [_label(across(x), HEIGHT - BOTTOM + 18, f"{x:g}", "middle") for x in epochs]
    parts.append(_label(LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 6, "Epoch", "middle"))
    for position, line in enumerate(series.values(), 1):
        at = [(f"{across(x):.1f}", f"{up(y):.1f}") for x, y in line]
        if len(at) > 1:
            parts.append(
                tag("polyline", points=" ".join(",".join(p) for p in at), class_=f"line s{position}")
            )
        if len(at) <= 30:
            parts += [tag("circle", cx=x, cy=y, r=2.6, class_=f"dot s{position}") for x, y in at]
    legend = [
        tag("li", tag("i", class_=f"key s{i}"), f"{label} ", tag("b", f"{line[-1][1]:.4g}{unit}"))
        for i, (label, line) in enumerate(series.items(), 1)
    ]
    said = "; ".join(f"{label} from {line[0][1]:.4g} to {line[-1][1]:.4g}" for label, line in series.items())
    return tag(
        "figure",
        tag("figcaption", tag("h3", name)),
        tag(
            "svg",
            join(parts),
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            role="img",
            aria_label=f"{name} by epoch: {said}.",
        ),
        tag("ul", *legend, class_="legend"),
    )


def _line(x1, y1, x2, y2, **attributes):
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", **attributes)


def _label(x, y, words, anchor):
    return tag("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)
