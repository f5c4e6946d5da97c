import functools

import keras
import numpy as np
import pytest

from tfdml.models import backbone, backbone_names
from tfdml.models.small_cnn import small_cnn


def batch_norms(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("name", ["mobile_net_v2", "MOBILENET-V2"])
def test_names_are_read_in_any_case(name):
    assert backbone(name, weights=None, image_size=32).output_shape == (None, 1, 1, 1280)


def test_every_network_of_keras_applications_has_a_name():
    assert {"small_cnn", "efficientnet_lite0", "ResNet50", "ConvNeXtTiny", "MobileNetV3Small"} < set(
        backbone_names()
    )
    assert len(backbone_names()) > 35


@pytest.mark.parametrize(
    "name, near",
    [("small_cn", "'small_cnn'"), ("efficientnet", "'efficientnet_lite0'"), ("resnet", "'ResNet50'")],
)
def test_an_unknown_name_gets_the_near_ones(name, near):
    with pytest.raises(
        ValueError, match=f"Expected name to be a backbone, such as .*{near}.* received: name='{name}'"
    ):
        backbone(name)


@pytest.mark.parametrize("name", ["", "none such", 3, None])
def test_a_wild_name_is_refused(name):
    with pytest.raises(ValueError, match="Expected name to be"):
        backbone(name)


@pytest.mark.parametrize(
    "name, module",
    [
        ("VGG16", keras.applications.vgg16),  # blue, green, red, less a mean
        ("MobileNetV2", keras.applications.mobilenet_v2),  # -1 to 1
        ("DenseNet121", keras.applications.densenet),  # by the mean and deviation of each channel
        ("MobileNetV3Small", keras.applications.mobilenet_v3),  # nothing: the network does it
    ],
)
def test_preprocessing_is_that_of_the_network(name, module):
    model = backbone(name, weights=None, image_size=32)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    expected = module.preprocess_input(images.copy())
    if (expected == images).all():
        assert all(layer.name != "preprocessing" for layer in model.layers)
        return
    preprocess = keras.Model(model.input, model.get_layer("preprocessing").output)
    np.testing.assert_allclose(preprocess.predict(images, verbose=0), expected, rtol=1e-5, atol=1e-4)


def test_the_network_behind_the_preprocessing_is_that_of_keras(tmp_path):
    model = backbone("MobileNet", weights=None, image_size=32)
    network = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(32, 32, 3))
    network.set_weights(model.get_weights())
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype("uint8")
    expected = network.predict(
        keras.applications.mobilenet.preprocess_input(images.astype("float32")), verbose=0
    )
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-5)


def test_weights_that_cannot_be_fetched_get_a_clear_error(monkeypatch):
    @functools.wraps(keras.applications.MobileNet)
    def without_internet(**kwargs):
        raise Exception("URL fetch failure on https://example.org/weights.h5: None -- no route to host")

    monkeypatch.setattr(keras.applications, "MobileNet", without_internet)
    with pytest.raises(
        ValueError, match=r'weights "imagenet" of MobileNet to be fetched .* weights=None starts without'
    ):
        backbone("mobilenet")


def test_freezing_batch_norm_keeps_its_statistics_in_training():
    model = backbone("small_cnn", image_size=16, freeze="batch_norm")
    images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3))
    before = [norm.get_weights() for norm in batch_norms(model)]
    kernel = keras.ops.convert_to_numpy(model.trainable_weights[0])
    model.compile("sgd", "mse")
    model.fit(images, np.ones((4, 1, 1, 256)), verbose=0)
    np.testing.assert_array_equal(model(images, training=True), model(images, training=False))
    for norm, weights in zip(batch_norms(model), before, strict=True):
        np.testing.assert_equal(norm.get_weights(), weights)
    assert np.abs(keras.ops.convert_to_numpy(model.trainable_weights[0]) - kernel).max() > 0


def test_freezing_all_leaves_nothing_to_train():
    assert backbone("small_cnn", freeze="all").trainable_weights == []
    assert len(backbone("small_cnn").trainable_weights) == 21


def test_weights_come_back_from_a_file(tmp_path):
    model = backbone("small_cnn")
    model.save_weights(tmp_path / "small.weights.h5")
    model.save(tmp_path / "small.keras")
    for file in "small.weights.h5", "small.keras":
        again = backbone("small_cnn", weights=tmp_path / file)
        np.testing.assert_equal(again.get_weights(), model.get_weights())


def test_weights_of_another_network_are_refused(tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(
        ValueError, match=r"Expected weights to be of small_cnn, received: .*other\.weights\.h5"
    ):
        backbone("small_cnn", weights=tmp_path / "other.weights.h5")
    (tmp_path / "text.weights.h5").write_text("no weights")
    with pytest.raises(
        ValueError, match=r"Expected weights to be of small_cnn, received: .*text\.weights\.h5"
    ):
        backbone("small_cnn", weights=tmp_path / "text.weights.h5")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"weights": "imagenet"},
            'Expected weights of small_cnn to be None or a path, received: weights="imagenet"',
        ),
        ({"weights": "none.weights.h5"}, "Expected weights to be .*received: weights='none.weights.h5'"),
        ({"weights": 3}, "Expected weights to be .*received: weights=3"),
        ({"freeze": "some"}, "Expected freeze to be .*received: freeze='some'"),
        ({"image_size": 0}, "Expected image_size to be .*received: image_size=0"),
        ({"image_size": (4, 5, 3)}, "Expected image_size to be .*received"),
        ({"image_size": "64"}, "Expected image_size to be .*received: image_size='64'"),
        ({"image_size": True}, "Expected image_size to be .*received: image_size=True"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        backbone("small_cnn", **arguments)


@pytest.mark.parametrize("size", [1, 5, (17, 40)])
def test_small_cnn_takes_images_of_any_size(size):
    height, width = (size, size) if isinstance(size, int) else size
    rows, columns = -(-height // 16), -(-width // 16)
    assert small_cnn()(np.zeros((1, height, width, 3))).shape == (1, rows, columns, 256)


def test_initial_weights_follow_the_seed():
    kernels = []
    for seed in 1, 1, 2:
        keras.utils.set_random_seed(seed)
        kernels.append(backbone("small_cnn").get_weights()[0])
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[0] - kernels[2]).max() > 0
