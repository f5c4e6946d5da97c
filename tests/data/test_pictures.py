import struct

import cv2
import numpy as np
import pytest

from tfdml.data import decode_picture, fit_picture, read_picture


def encoded(pixels, suffix=".png"):
    return cv2.imencode(suffix, pixels)[1].tobytes()


def test_colours_come_as_red_green_blue(tmp_path):
    path = tmp_path / "red.png"
    path.write_bytes(encoded(np.full((3, 5, 3), (0, 0, 255), "uint8")))  # OpenCV writes blue first
    assert np.array_equal(read_picture(path), np.full((3, 5, 3), (255, 0, 0), "uint8"))


def test_grey_becomes_colour():
    assert np.array_equal(decode_picture(encoded(np.full((4, 4), 77, "uint8"))), np.full((4, 4, 3), 77))


def test_transparency_lies_on_white():
    pixels = np.zeros((1, 3, 4), "uint8")
    pixels[0, :, 2] = 255  # red
    pixels[0, :, 3] = 0, 128, 255
    assert decode_picture(encoded(pixels)).tolist() == [[[255, 255, 255], [255, 127, 127], [255, 0, 0]]]


def test_sixteen_bits_become_eight():
    assert decode_picture(encoded(np.full((2, 2, 3), 65535, "uint16"))).max() == 255


def test_one_pixel():
    assert (
        fit_picture(decode_picture(encoded(np.full((1, 1, 3), 9, "uint8"))), 8).tolist()
        == [[[9] * 3] * 8] * 8
    )


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_refuses_the_beginning_of_a_picture(tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    whole = encoded(np.random.default_rng(0).integers(0, 255, (50, 50, 3), "uint8"), suffix)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=rf"cut{suffix} to be a whole picture"):
        read_picture(path)


@pytest.mark.parametrize("content", [b"", b"these are words"])
def test_refuses_what_is_no_picture(tmp_path, content):
    path = tmp_path / "words.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"words\.jpg"):
        read_picture(path)


def grey(rows):
    return np.repeat(np.array(rows, "uint8")[..., None], 3, axis=2)


def test_crop_takes_the_middle():
    wide = grey([[5, 9, 9, 5]] * 2)
    assert np.array_equal(fit_picture(wide, 2, "crop"), grey([[9, 9], [9, 9]]))


def test_pad_adds_white():
    wide = grey([[5, 9, 9, 5]] * 2)
    white = [255] * 4
    assert np.array_equal(fit_picture(wide, 4, "pad"), grey([white, [5, 9, 9, 5], [5, 9, 9, 5], white]))


def test_stretch_keeps_every_pixel():
    wide = grey([[5, 9, 9, 5]] * 2)
    assert np.array_equal(fit_picture(wide, 2, "stretch"), grey([[7, 7], [7, 7]]))


def test_refuses_another_way():
    with pytest.raises(ValueError, match="fit to be one of 'crop', 'pad', 'stretch', received: 'squash'"):
        fit_picture(np.zeros((2, 2, 3), "uint8"), 2, "squash")


def test_a_header_that_asks_for_too_much_memory():
    png = bytearray(encoded(np.zeros((2, 3, 3), "uint8")))
    png[16:24] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(ValueError, match="60000x60000 pixels, of which 134217728 at most"):
        decode_picture(bytes(png))


def test_a_picture_too_long_to_be_padded():
    with pytest.raises(ValueError, match="picture to be less long, to be padded, received: 65000x1"):
        fit_picture(np.zeros((1, 65_000, 3), "uint8"), 8, "pad")
