import numpy as np
import pytest

from tfdml.data import fit_images, fit_picture, resize


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("shape", [(40, 60, 3), (60, 40, 3), (48, 48, 3), (7, 5, 3), (1, 1, 3)])
def test_batches_in_graph_come_out_as_single_pictures_do(fit, shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]] / 60
    picture = np.stack([255 * rows, 255 * columns, 128 + 0 * rows], axis=2).astype("uint8")
    expected = fit_picture(picture, 24, fit)
    assert np.abs(fit_images(picture[None], 24, fit)[0].numpy() - expected).mean() < 3


def test_the_same_size_is_left_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), "uint8")
    assert np.array_equal(resize(pixels, 8), pixels) and np.array_equal(resize(pixels, None), pixels)
    assert np.allclose(fit_images(pixels, 8), pixels, atol=1e-3)


def test_shrinking_averages():
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    pixels = np.repeat(checks[None, ..., None], 3, axis=3).astype("uint8")
    assert np.abs(resize(pixels, 8)[0, 2:-2, 2:-2].numpy() - 127.5).max() < 2
