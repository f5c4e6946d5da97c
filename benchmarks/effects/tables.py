"""Tables and figures of a plan's results, with bootstrap intervals over the seeds."""

import numpy as np

FIGURE = "map@r"


def interval(values, confidence=0.95, resamples=10_000):
    """Mean of some values, and a bootstrap interval of it: `(mean, low, high)`."""
    values = np.asarray(values, float)
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (resamples, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(values.mean()), float(low), float(high)


def collect(plan):
    """`{data: {variant: results}}` of the runs that are done, a result a seed."""
    found = {}
    for data in plan.data:
        for variant in plan.variants:
            results = [result for run in plan.runs(data, variant) if (result := run.result())]
            if results:
                found.setdefault(data, {})[variant] = results
    return found


def write(plan, folder):
    """Writes `NAME.md` and `NAME.png`; the path of the page."""
    found = collect(plan)
    if not found:
        raise ValueError(f"Expected results of {plan.name}, received: none (run it first)")
    folder.mkdir(parents=True, exist_ok=True)
    draw(plan, found, folder / f"{plan.name}.png")
    page = folder / f"{plan.name}.md"
    page.write_text(text(plan, found), encoding="utf-8")
    return page


def text(plan, found):
    """The page: what was done, and a table for each image set."""
    settings = ", ".join(f"{name} {value}" for name, value in plan.settings.items())
    lines = [f"# {plan.title}", "", plan.about.strip(), "", f"Shared by all rows: {settings}.", ""]
    lines += [f"![{plan.title}]({plan.name}.png)", ""]
    for data, rows in found.items():
        lines += [f"## {data}", ""]
        lines += ["| | MAP@R, test | interval | Recall@1, test | mean similarity | seeds |"]
        lines += ["|---|---|---|---|---|---|"]
        order = sorted(rows, key=lambda name: -np.mean(values(rows[name])))
        for name in order:
            mean, low, high = interval(values(rows[name]))
            recall = np.mean(values(rows[name], "recall@1"))
            similarity = np.mean(values(rows[name], "mean_similarity"))
            lines += [
                f"| {name} | {mean:.3f} | {low:.3f} to {high:.3f} | {recall:.3f} | {similarity:.3f} "
                f"| {len(rows[name])} |"
            ]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def values(results, figure=FIGURE):
    """A figure on test classes, a number a seed."""
    return [result["test"][figure] for result in results]


def draw(plan, found, path):
    """Means and intervals of each row, a panel for each image set."""
    from matplotlib.figure import Figure

    rows = max(len(variants) for variants in found.values())
    figure = Figure((5 * len(found), 1 + 0.25 * rows), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for panel, (data, variants) in zip(panels, found.items(), strict=True):
        order = sorted(variants, key=lambda name: np.mean(values(variants[name])))
        for place, name in enumerate(order):
            mean, low, high = interval(values(variants[name]))
            panel.plot([low, high], [place, place], color="C0", linewidth=2)
            panel.plot(mean, place, "o", color="C0", markersize=4)
        panel.set_yticks(range(len(order)), order)
        panel.set_title(data)
        panel.set_xlabel("MAP@R of unseen classes")
        panel.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=110)
