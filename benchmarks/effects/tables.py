"""Tables and figures of a plan's results, with bootstrap intervals over the seeds."""

import importlib

import numpy as np

from benchmarks.effects.plan import column_name

# What figures are called on the page.
NAMES = {"map@r": "MAP@R", "accuracy": "Accuracy"} | {f"recall@{k}": f"Recall@{k}" for k in (1, 2, 4, 8)}
# And what else a table has, where a result has it.
BESIDE = {"recall@1": "Recall@1, test", "mean_similarity": "mean similarity"}


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
    lines = [f"# {plan.title}", "", plan.about.strip(), "", f"Shared by all rows: {shared(plan)}.", ""]
    lines += ["```bash", *commands(plan), "```", "", f"![{plan.title}]({plan.name}.png)", ""]
    for data, rows in found.items():
        lines += [f"## {data}", "", *(crossed if plan.columns else listed)(plan, rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def shared(plan):
    """The settings that all rows share, of those that the task of a plan looks at."""
    used = plan.settings
    if "task" in used:
        task = importlib.import_module(used["task"])
        used = {name: value for name, value in (task.SETTINGS | used).items() if name in task.SHARED}
    varied = plan.columns or {}
    return ", ".join(f"{name} {value}" for name, value in used.items() if name not in varied)


def commands(plan):
    """The lines that make the page."""
    files = "".join(f" --data {name}=omniglot64.npz" for name in plan.data if name == "omniglot")
    path = f"benchmarks/effects/{plan.name}.yaml"
    return [f"python -m benchmarks.effects {words}" for words in (f"run {path}{files}", f"table {path}")]


def listed(plan, rows):
    """A table with a line a variant, the best first."""
    first = next(iter(rows.values()))[0]["test"]
    beside = {key: title for key, title in BESIDE.items() if key in first and key != plan.figure}
    if plan.beside is not None:
        beside = {key: NAMES.get(key, key) for key in plan.beside}
    head = ["", f"{NAMES.get(plan.figure, plan.figure)}, test", "interval", *beside.values(), "seeds"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * (4 + len(beside))]
    for variant in sorted(rows, key=lambda variant: -np.mean(values(rows[variant], plan.figure))):
        mean, low, high = interval(values(rows[variant], plan.figure))
        if plan.beside is None:
            more = [f"{np.mean(values(rows[variant], key)):.3f}" for key in beside]
        else:
            more = [cell(rows[variant], key) for key in beside]
        cells = [variant, f"{mean:.3f}", f"{low:.3f} to {high:.3f}", *more, str(len(rows[variant]))]
        lines += ["| " + " | ".join(cells) + " |"]
    return lines


def crossed(plan, rows):
    """Tables of each figure: a line a variant and a column a value of the setting that is varied."""
    ((path, columns),) = plan.columns.items()
    lines = []
    for figure in (plan.figure, *(plan.beside or ())):
        lines += [f"{NAMES.get(figure, figure)} on test samples, by {path}; intervals in brackets.", ""]
        lines += ["| | " + " | ".join(map(str, columns)) + " |", "|" + "---|" * (1 + len(columns))]
        for variant in plan.rows:
            found = [rows.get(column_name(variant, value)) for value in columns]
            lines += [f"| {variant} | " + " | ".join(cell(results, figure) for results in found) + " |"]
        lines += [""]
    return lines[:-1]


def cell(results, figure):
    """Mean and interval of a figure, or nothing where it was not measured."""
    if results is None or figure not in results[0]["test"]:
        return ""
    mean, low, high = interval(values(results, figure))
    digits = 3 if mean < 10 else 0
    mean, low, high = (f"{number:.{digits}f}" for number in (mean, low, high))
    return mean if low == high else f"{mean} ({low} to {high})"


def values(results, figure):
    """A figure on test samples, a number a seed."""
    return [result["test"][figure] for result in results]


def draw(plan, found, path):
    """Means and intervals, a panel for each image set: of each row, or of each value of what is varied."""
    from matplotlib.figure import Figure

    rows = len(plan.rows) if plan.columns else max(len(variants) for variants in found.values())
    height = 4 if plan.columns else 1 + 0.25 * rows
    figure = Figure((5 * len(found), height), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for panel, (data, variants) in zip(panels, found.items(), strict=True):
        (draw_curves if plan.columns else draw_rows)(panel, plan, variants)
        panel.set_title(data)
        panel.grid(axis="both" if plan.columns else "x", alpha=0.3)
    figure.savefig(path, dpi=110)


def draw_rows(panel, plan, variants):
    """A line a variant."""
    order = sorted(variants, key=lambda name: np.mean(values(variants[name], plan.figure)))
    for place, name in enumerate(order):
        mean, low, high = interval(values(variants[name], plan.figure))
        panel.plot([low, high], [place, place], color="C0", linewidth=2)
        panel.plot(mean, place, "o", color="C0", markersize=4)
    panel.set_yticks(range(len(order)), order)
    panel.set_xlabel(f"{NAMES.get(plan.figure, plan.figure)}, test")


def draw_curves(panel, plan, variants):
    """A curve a variant, over the values of what is varied."""
    ((path, columns),) = plan.columns.items()
    for name in plan.rows:
        done = [i for i, value in enumerate(columns) if column_name(name, value) in variants]
        results = [values(variants[column_name(name, columns[i])], plan.figure) for i in done]
        means, lows, highs = np.array([interval(row) for row in results]).reshape(-1, 3).T
        (line,) = panel.plot(done, means, "o-", markersize=3, label=name)
        panel.fill_between(done, lows, highs, color=line.get_color(), alpha=0.15, linewidth=0)
    panel.set_xticks(range(len(columns)), [str(value) for value in columns])
    panel.set_xlabel(path)
    panel.set_ylabel(f"{NAMES.get(plan.figure, plan.figure)}, test")
    panel.legend(fontsize=8)
