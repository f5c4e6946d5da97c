import importlib
import json
import pathlib
import unicodedata

import cv2
import h5py
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMBEDDED = ROOT / "tfdml" / "data" / "emoji" / "emoji.hdf5"
LISTING = ("noto", "twemoji", "fluent-emoji-flat")  # sets that come with their code points

# In the order of their code points. Two colours a class; all values are among the 86 levels.
CLASSES = {
    0x2603: ("snowman", "#ff0000", "#000000"),
    0x1F40C: ("snail", "#00ff00", "#0000ff"),
    0x1F433: ("spouting-whale", "#333366", "#ff9900"),
    0x1F98A: ("fox", "#ff6600", "#003300"),
}


@pytest.fixture(scope="module")
def build():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        yield importlib.import_module("build_emoji")


def two_halves(left, right, size):
    half = size // 2
    return (
        f'<path fill="{left}" d="M0 0h{half}v{size}H0z"/>'
        f'<path fill="{right}" d="M{half} 0h{half}v{size}h-{half}z"/>'
    )


@pytest.fixture
def packages(build, tmp_path):
    """Made-up packages in the layout of the real ones, and a function that changes one of them."""
    folder = tmp_path / "packages"
    formal = {cp: unicodedata.name(chr(cp)).lower().replace(" ", "") for cp in CLASSES}

    def put(artist, name, contents):
        (folder / artist).mkdir(parents=True, exist_ok=True)
        (folder / artist / name).write_text(json.dumps(contents), "utf-8")

    def change(artist, name, function):
        contents = json.loads((folder / artist / name).read_text("utf-8"))
        function(contents)
        put(artist, name, contents)

    for rank, source in enumerate(build.SOURCES):
        names = formal if source.artist == "fxemoji" else {cp: name for cp, (name, *_) in CLASSES.items()}
        # The drawings of different artists differ in size, which the 64 pixels even out.
        size = 32 * (rank + 1)
        icons = {names[cp]: {"body": two_halves(a, b, size)} for cp, (_, a, b) in CLASSES.items()}
        about = {"name": source.package, "version": source.version, "license": source.license}
        put(source.artist, "package.json", about)
        put(source.artist, "icons.json", {"icons": icons, "width": size, "height": size})
        if source.artist in LISTING:
            put(source.artist, "chars.json", {f"{cp:x}": name for cp, name in names.items()})
    return folder, change


def run(build, folder, output, *more):
    build.main(["--packages", str(folder), "--output", str(output), *more])
    return output


def read(path):
    with h5py.File(path) as file:
        return {name: dataset[()] for name, dataset in file.items()}


def decode(arrays):
    """All pictures, `(n, 64, 64, 3)` in RGB."""
    bounds = zip(arrays["offsets"][:-1], arrays["offsets"][1:], strict=True)
    bgr = [cv2.imdecode(arrays["images"][start:end], cv2.IMREAD_UNCHANGED) for start, end in bounds]
    return np.stack(bgr)[..., ::-1]


def found(path):
    arrays = read(path)
    return [
        (int(arrays["code_points"][target], 16), arrays["artists"][artist].decode())
        for target, artist in zip(arrays["targets"], arrays["artist"], strict=True)
    ]


def test_the_same_packages_give_the_same_bytes(build, packages, tmp_path):
    first = run(build, packages[0], tmp_path / "first.hdf5")
    second = run(build, packages[0], tmp_path / "second.hdf5")
    assert first.read_bytes() == second.read_bytes()


def test_the_pictures_come_back_exactly(build, packages, tmp_path):
    arrays = read(run(build, packages[0], tmp_path / "emoji.hdf5"))

    def rgb(colour):
        return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]

    pictures = decode(arrays)
    assert pictures.shape == (24, 64, 64, 3)
    for picture, target in zip(pictures, arrays["targets"], strict=True):
        _, left, right = list(CLASSES.values())[target]
        assert (picture[:, :32] == rgb(left)).all()
        assert (picture[:, 32:] == rgb(right)).all()


def test_what_is_not_painted_is_white_and_colours_move_by_one_level_at_most(build):
    ramp = "".join(
        f'<path fill="#{v:02x}{v:02x}{v:02x}" d="M{v % 64} {v // 64}h1v1h-1z"/>' for v in range(256)
    )
    picture = build.render({"icons": {"ramp": {"body": ramp}}, "width": 64, "height": 64}, "ramp").astype(int)
    levels = picture[:4].reshape(256, 3)
    assert (abs(levels - np.arange(256)[:, None]) <= 1).all()
    assert (levels % 3 == 0).all()
    assert (levels[[0, -1]] == [[0] * 3, [255] * 3]).all()
    assert (picture[4:] == 255).all()


def test_layout_of_the_file(build, packages, tmp_path):
    path = run(build, packages[0], tmp_path / "emoji.hdf5")
    arrays = read(path)
    kinds = {"images": "u1", "offsets": "<i8", "targets": "<i4", "splits": "u1", "artist": "u1"}
    assert {name: arrays[name].dtype for name in kinds} == {k: np.dtype(v) for k, v in kinds.items()}
    assert {arrays[name].dtype.kind for name in ("class_names", "code_points", "artists")} == {"S"}
    assert arrays["class_names"].tolist() == [b"snowman", b"snail", b"spouting whale", b"fox face"]
    assert arrays["code_points"].tolist() == [b"2603", b"1f40c", b"1f433", b"1f98a"]
    assert arrays["targets"].tolist() == sorted(list(range(4)) * 6)
    assert arrays["artist"].tolist() == list(range(6)) * 4
    with h5py.File(path) as file:
        assert all(dataset.chunks is None and dataset.compression is None for dataset in file.values())
        assert {name: file.attrs[name] for name in ("name", "format", "format_version", "encoding")} == {
            "name": "emoji",
            "format": "tfdml-images",
            "format_version": 1,
            "encoding": "webp",
        }
        assert file.attrs["image_shape"].tolist() == [64, 64, 3]
        assert json.loads(file.attrs["split_names"]) == ["train", "validation", "test"]
        sources = json.loads(file.attrs["sources"])
    assert [source["artist"].encode() for source in sources] == arrays["artists"].tolist()
    assert all(source.keys() == {"package", "version", "license", "url", "artist"} for source in sources)


@pytest.mark.parametrize("count", [2, 3, 101, 1069])
def test_splits_are_of_whole_classes_in_their_shares(build, count):
    train, validation, test = np.bincount(build.split_classes(count), minlength=3)
    assert test == count // 2
    assert validation == round(0.15 * (count - test))
    assert train == count - test - validation
    assert (build.split_classes(count) == build.split_classes(count)).all()


def test_aliases_bridge_the_names_of_different_years(build, packages, tmp_path):
    folder, change = packages

    def rename(contents):
        contents["icons"]["fox-head"] = contents["icons"].pop("fox")

    change("emojione", "icons.json", rename)
    change("twemoji", "icons.json", lambda icons: icons.update(aliases={"fox-head": {"parent": "fox"}}))
    assert (0x1F98A, "emojione") in found(run(build, folder, tmp_path / "bridged.hdf5"))
    change("twemoji", "icons.json", lambda icons: icons["aliases"]["fox-head"].update(hFlip=True))
    assert (0x1F98A, "emojione") not in found(run(build, folder, tmp_path / "mirrored.hdf5"))


def test_a_name_of_fxemoji_is_not_taken_for_the_formal_one(build, packages):
    folder, change = packages
    change(
        "fxemoji", "icons.json", lambda icons: icons["icons"].update(cat={"body": ""}, catside={"body": ""})
    )
    read_in = {s.artist: build.read_package(s, folder / s.artist) for s in build.SOURCES}
    matched = build.match(read_in)
    assert matched[ord("🐱")] == {"fxemoji": "cat"}
    assert matched[ord("🐈")] == {"fxemoji": "catside"}


def test_only_single_code_points_of_emoji_match(build, packages):
    folder, change = packages
    added = {
        "2764-fe0f": "red-heart",
        "1f9d1-200d-1f33e": "farmer",
        "1f3fb": "light-skin-tone",
        "1f1e6": "half-of-a-flag",
        "a9": "copyright",
    }
    change("noto", "chars.json", lambda chars: chars.update(added))
    change(
        "noto",
        "icons.json",
        lambda icons: icons["icons"].update({name: {"body": ""} for name in added.values()}),
    )
    read_in = {s.artist: build.read_package(s, folder / s.artist) for s in build.SOURCES}
    assert list(build.match(read_in)) == sorted([0x2764, *CLASSES])


def test_excluded_pictures_blank_ones_and_small_classes_are_left_out(build, packages, tmp_path, monkeypatch):
    folder, change = packages
    monkeypatch.setitem(build.EXCLUDED, (0x1F98A, "noto"), "for the test")
    change("twemoji", "icons.json", lambda icons: icons["icons"]["snail"].update(body=""))
    for artist in ("twemoji", "emojione"):
        change(artist, "icons.json", lambda icons: icons["icons"].pop("snowman"))
    pictures = found(run(build, folder, tmp_path / "emoji.hdf5"))
    artists = [source.artist for source in build.SOURCES]
    assert [a for cp, a in pictures if cp == 0x1F98A] == artists[1:]
    assert [a for cp, a in pictures if cp == 0x1F40C] == [a for a in artists if a != "twemoji"]
    assert not [a for cp, a in pictures if cp == 0x2603]


def test_a_package_of_another_licence_is_refused(build, packages, tmp_path):
    folder, change = packages
    change("emojione", "package.json", lambda about: about.update(license="CC-BY-SA-4.0"))
    with pytest.raises(
        ValueError, match=r"Expected .*emojione to be .*CC-BY-4\.0, received: .*CC-BY-SA-4\.0"
    ):
        run(build, folder, tmp_path / "emoji.hdf5")


def test_a_download_with_another_hash_is_refused(build, tmp_path):
    source = build.SOURCES[0]
    (tmp_path / f"iconify-json-{source.artist}-{source.version}.tgz").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"Expected .*noto-1\.2\.9\.tgz to have sha512-.*received: sha512-"):
        build.fetch(source, tmp_path)


def test_packages_without_a_class_are_refused(build, packages, tmp_path):
    with pytest.raises(ValueError, match="at least 7 pictures"):
        run(build, packages[0], tmp_path / "emoji.hdf5", "--fewest", "7")


def test_a_write_that_fails_leaves_the_old_file(build, packages, tmp_path, monkeypatch):
    output = run(build, packages[0], tmp_path / "out" / "emoji.hdf5")
    before = output.read_bytes()
    monkeypatch.setattr(build, "LICENSE", object())  # h5py cannot store it
    with pytest.raises(TypeError):
        run(build, packages[0], output)
    assert output.read_bytes() == before
    assert list(output.parent.iterdir()) == [output]


@pytest.fixture(scope="module")
def embedded():
    return read(EMBEDDED)


@pytest.fixture(scope="module")
def pictures(embedded):
    return decode(embedded)


def test_embedded_size(embedded):
    assert EMBEDDED.stat().st_size <= 5_000_000
    assert (len(embedded["class_names"]), len(embedded["targets"])) == (1069, 5920)
    assert np.bincount(embedded["targets"]).min() >= 5


def test_embedded_every_picture_decodes_and_none_is_blank(pictures):
    assert pictures.shape == (5920, 64, 64, 3)
    assert (pictures.reshape(len(pictures), -1).std(1) > 1).all()


def test_embedded_no_picture_is_in_two_classes(embedded, pictures):
    classes = {}
    for picture, target in zip(pictures, embedded["targets"], strict=True):
        classes.setdefault(picture.tobytes(), set()).add(int(target))
    assert [shared for shared in classes.values() if len(shared) > 1] == []


def test_embedded_no_class_has_two_pictures_of_one_artist(embedded):
    pairs = np.stack([embedded["targets"], embedded["artist"]], 1)
    assert len(np.unique(pairs, axis=0)) == len(pairs)


def test_embedded_splits_share_no_class(build, embedded):
    splits = [set(embedded["targets"][embedded["splits"] == split].tolist()) for split in range(3)]
    assert [len(classes) for classes in splits] == [455, 80, 534]
    assert len(set.union(*splits)) == 1069
    assert (build.split_classes(1069)[embedded["targets"]] == embedded["splits"]).all()


def test_embedded_names_belong_to_their_code_points(embedded):
    for name, code_point in zip(embedded["class_names"], embedded["code_points"], strict=True):
        assert unicodedata.lookup(name.decode()) == chr(int(code_point, 16))


def test_embedded_excluded_pictures_are_out(build):
    assert not set(found(EMBEDDED)) & build.EXCLUDED.keys()


def test_embedded_notice_names_every_source(build):
    notice = EMBEDDED.with_name("NOTICE").read_text("utf-8")
    for source in build.SOURCES:
        assert f"{source.package} {source.version}" in notice
        assert source.url in notice
