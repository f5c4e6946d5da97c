"""The page as a whole, and the file."""

from pathlib import Path

from tfdml.experiment.report.atlas import atlas
from tfdml.experiment.report.confused import confused_classes
from tfdml.experiment.report.curves import curves
from tfdml.experiment.report.examples import examples
from tfdml.experiment.report.markup import Markup, tag, text
from tfdml.experiment.report.scores import headline, score_table
from tfdml.experiment.report.style import STYLE
from tfdml.files import written_whole

# Nothing is loaded from anywhere and nothing runs, whatever a class is called.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

SYMBOLS = Markup(
    '<svg width="0" height="0" class="symbols" aria-hidden="true">'
    '<symbol id="right" viewBox="0 0 20 20"><circle cx="10" cy="10" r="9"/>'
    '<path d="M5.6 10.4l3 3 5.6-6.4"/></symbol>'
    '<symbol id="wrong" viewBox="0 0 20 20"><circle cx="10" cy="10" r="9"/>'
    '<path d="M6.6 6.6l6.8 6.8M13.4 6.6l-6.8 6.8"/></symbol></svg>'
)


def write_report(path, data):
    """Writes the report of a run as one HTML file that needs no other.

    The file appears when it is whole: it is written beside its place and renamed.

    Args:
        path: Path of the file; one that is there is replaced.
        data: A `ReportData`.

    Returns:
        The path.
    """
    path = Path(path)
    # A folder's name on disk may hold bytes that are no text; they show as question marks.
    content = report_html(data).encode("utf-8", "replace")
    with written_whole(path) as part:
        part.write_bytes(content)
    return path


def report_html(data):
    """The report as a string of HTML."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", data.title),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "body",
        SYMBOLS,
        tag(
            "main",
            _top(data),
            curves(data),
            score_table(data),
            examples(data),
            atlas(data),
            confused_classes(data),
            _details(data),
        ),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _top(data):
    facts = [tag("div", tag("dt", name), tag("dd", value)) for name, value in data.facts]
    notes = [tag("p", note) for note in data.notes]
    return tag(
        "header",
        tag("h1", data.title),
        tag("p", data.protocol, class_="protocol") if data.protocol else "",
        headline(data),
        tag("dl", *facts, class_="facts") if facts else "",
        tag("div", *notes, class_="notes", role="note") if notes else "",
    )


def _details(data):
    parts = []
    if data.recipe:
        parts.append(tag("details", tag("summary", "Recipe"), tag("pre", tag("code", data.recipe))))
    versions = dict(data.versions)
    if versions:
        rows = [
            tag("tr", tag("th", name, scope="row"), tag("td", text(value)))
            for name, value in versions.items()
        ]
        parts.append(tag("details", tag("summary", "Versions"), tag("table", tag("tbody", *rows))))
    return tag("section", tag("h2", "How it was made"), *parts, id="made") if parts else ""
