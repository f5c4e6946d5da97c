import html.parser
import re

import numpy as np
import pytest

import tfdml
from tfdml.experiment.report import ReportData, report_html, write_report
from tfdml.experiment.report.page import POLICY

VOID = {"img", "meta"}
FIGURES = {"recall@1": 0.689, "map@r": 0.468, "nmi": 0.86}


def make(classes=6, each=5, k=8, seed=0, **changes):
    """A report's data: pictures of one colour a class, with noise, that search among themselves."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    images = rng.integers(0, 256, (classes, 1, 1, 3))[labels] // 2 + rng.integers(
        0, 120, (len(labels), 16, 16, 3)
    )
    images = images.astype("uint8")
    embeddings = images.reshape(len(labels), -1) / 255
    distances = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    neighbors = distances.argsort(axis=1)[:, : min(k, len(labels) - 1)]
    values = {
        "title": "A run",
        "images": lambda indices: images[indices],
        "labels": labels,
        "class_names": [f"class {c}" for c in range(classes)],
        "embeddings": embeddings,
        "neighbors": neighbors,
        "distances": np.take_along_axis(distances, neighbors, axis=1),
        "results": {"trained": FIGURES, "untrained": {**FIGURES, "recall@1": 0.552}},
        "history": [
            {"epoch": 1, "loss": 2.5, "val_recall@1": 0.4},
            {"epoch": 2, "loss": 1.5, "val_recall@1": 0.5},
        ],
    }
    return ReportData(**{**values, **changes})


class Page(html.parser.HTMLParser):
    """Elements and their attributes; complains where a tag is not closed."""

    def __init__(self, content):
        super().__init__()
        self.elements, self.open, self.words = [], [], []
        self.feed(content)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page():
    return Page(
        report_html(make(recipe="loss: triplet", versions={"keras": "3.15"}, notes=["1 was skipped."]))
    )


def test_has_every_section(page):
    sections = [attributes["id"] for attributes in page.all("section")]
    assert sections == ["curves", "figures", "queries", "failures", "map", "confusions", "made"]
    assert len(page.all("h1")) == 1 and page.all("html") == [{"lang": "en"}]
    for words in ("68.9", "+13.7 points over untrained", "1 was skipped.", "loss: triplet", "3.15"):
        assert words in page.text


def test_loads_nothing_from_anywhere(page):
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert attributes.get(name, "#").startswith(("data:image/webp;base64,", "#"))
        assert not any(name.startswith("on") for name in attributes)
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    content = report_html(make())
    assert POLICY in content.replace("&#x27;", "'")
    assert not re.search(r"url\(|@import|https?:", content)


def test_every_picture_has_a_text(page):
    assert len(page.all("img")) > 20 and all(image["alt"] for image in page.all("img"))
    charts = [a for a in page.all("svg") if a.get("role") == "img"]
    assert len(charts) == 2 and all(chart["aria-label"] for chart in charts)


def test_what_users_wrote_is_text_and_nothing_else():
    bad = "<script>alert('1')</script>\"&"
    data = make(
        class_names=[bad] * 6,
        title=bad,
        protocol=bad,
        facts=[(bad, bad)],
        notes=[bad],
        recipe=bad,
        versions={bad: bad},
        results={bad: FIGURES, "x": {bad: bad}},
        history=[{"epoch": 1, "loss": 1.0, "val_loss": 2.0, f"{bad}_loss": 1.0, bad: bad}],
    )
    page = Page(report_html(data))
    assert not page.all("script")
    assert page.text.count(bad) > 10


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"history": []}, id="no history"),
        pytest.param({"history": [{"epoch": 1, "loss": "", "val_recall@1": None}]}, id="nothing measured"),
        pytest.param({"history": [{"epoch": 1, "loss": float("nan")}]}, id="a loss that is no number"),
        pytest.param({"distances": None}, id="no distances"),
        pytest.param({"classes": 1}, id="one class"),
        pytest.param({"classes": 2, "each": 1}, id="nothing to find"),
        pytest.param({"classes": 1, "each": 1}, id="one picture"),
        pytest.param({"classes": 3, "each": 2, "k": 50}, id="fewer pictures than neighbours"),
        pytest.param({"classes": 12, "each": 2}, id="too many classes for colours"),
        pytest.param({"results": {"trained": {}}}, id="no figures"),
        pytest.param({"results": {"trained": {"recall@1": float("nan"), "map": None}}}, id="figures missing"),
        pytest.param({"class_names": ["日本 🎉 \udcff \x00"] * 6}, id="names in any characters"),
        pytest.param({"class_names": ["name " * 200] * 6}, id="long names"),
    ],
)
def test_a_run_with_little_to_show_has_a_report(tmp_path, changes):
    path = write_report(tmp_path / "report.html", make(**changes))
    page = Page(path.read_text("utf-8"))
    assert "map" in [attributes["id"] for attributes in page.all("section")]
    assert "nan" not in page.text


def test_neighbours_may_be_missing():
    data = make()
    neighbors = data.neighbors.copy()
    neighbors[:, 2:] = -1
    neighbors[0] = -1
    Page(report_html(make(neighbors=neighbors)))


def test_a_gallery_is_searched_in_place_of_the_test_pictures():
    gallery = np.full((3, 16, 16, 3), 9, "uint8")
    asked = []

    def read(indices):
        asked.extend(np.asarray(indices).tolist())
        return gallery[indices]

    data = make(
        classes=2,
        neighbors=np.tile([2, 0], (10, 1)),
        distances=None,
        gallery_images=read,
        gallery_labels=[0, 1, 1],
    )
    assert data.relevant.tolist() == [1] * 5 + [2] * 5
    page = Page(report_html(data))
    assert set(asked) == {0, 2}
    assert "among the gallery's pictures" in page.text


def test_the_same_run_gives_the_same_page():
    assert report_html(make()) == report_html(make())


def test_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.html"
    write_report(path, make())
    before = path.read_bytes()

    def broken(indices):
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_report(path, make(images=broken))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_leaves_nothing_behind_where_it_cannot_be_put_in_place(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError):
        write_report(tmp_path / "report.html", make())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    "changes, named",
    [
        pytest.param({"labels": []}, "labels", id="no pictures"),
        pytest.param({"embeddings": np.ones((3, 2))}, "embeddings", id="too few embeddings"),
        pytest.param({"embeddings": np.full((30, 2), np.nan)}, "embeddings", id="not finite"),
        pytest.param({"neighbors": np.zeros(30, int)}, "neighbors", id="neighbours of one axis"),
        pytest.param({"neighbors": np.full((30, 8), 30)}, "neighbors", id="a neighbour that is not there"),
        pytest.param({"distances": np.zeros((30, 2))}, "distances", id="too few distances"),
        pytest.param({"gallery_labels": [0]}, "gallery_images", id="half a gallery"),
        pytest.param({"class_names": ["a"]}, "class_names", id="too few names"),
        pytest.param({"results": {}}, "results", id="no results"),
    ],
)
def test_refuses(changes, named):
    with pytest.raises(ValueError, match=f"Expected {named} .*received"):
        make(**changes)


def test_real_pictures_fit_into_a_small_file(tmp_path):
    emoji = tfdml.data.load("emoji", split="test").subset(np.arange(300))
    pixels = emoji.images()[:, ::8, ::8].reshape(300, -1) / 255
    distances = np.linalg.norm(pixels[:, None] - pixels[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    data = make(
        images=emoji.images,
        labels=emoji.labels,
        class_names=emoji.class_names,
        embeddings=pixels,
        neighbors=distances.argsort(axis=1)[:, :10],
        distances=np.sort(distances, axis=1)[:, :10],
    )
    path = write_report(tmp_path / "report.html", data)
    assert 100_000 < path.stat().st_size < 1_000_000
    assert emoji.class_names[emoji.labels[0]] in Page(path.read_text("utf-8")).text
