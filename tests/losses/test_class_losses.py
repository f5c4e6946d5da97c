"""Class losses against their definitions as loops, and against each other where they coincide."""

import keras
import numpy as np
import oracles_class_losses as oracle
import pytest
from keras import ops
from oracles import value_and_gradient

from tfdml import losses

pytestmark = pytest.mark.backend

CLASSES = 5


def batch(n=12, per_class=None, seed=0):
    """Labels, and cosines from -0.95 to 0.95."""
    rng = np.random.default_rng(seed)
    shape = (n, CLASSES) if per_class is None else (n, CLASSES, per_class)
    return rng.integers(0, CLASSES, n), rng.uniform(-0.95, 0.95, shape).astype("float32")


def values(loss, labels, s):
    loss.reduction = "none"
    return ops.convert_to_numpy(loss(labels, s))


@pytest.mark.parametrize(
    "make, definition, settings",
    [
        (losses.NormalizedSoftmaxLoss, oracle.normalized_softmax, {"temperature": 0.05}),
        (losses.NormalizedSoftmaxLoss, oracle.normalized_softmax, {"temperature": 1.0}),
        (losses.CosFaceLoss, oracle.cos_face, {"margin": 0.4, "scale": 30}),
        (losses.ArcFaceLoss, oracle.arc_face, {"margin": 0.37, "scale": 30}),
        (losses.ArcFaceLoss, oracle.arc_face, {"margin": 1.5, "scale": 10}),
        (losses.ArcFaceLoss, oracle.arc_face, {"margin": 3.1, "scale": 10}),
        (losses.SphereFaceLoss, oracle.sphere_face, {"margin": 1, "scale": 10}),
        (losses.SphereFaceLoss, oracle.sphere_face, {"margin": 2, "scale": 10}),
        (losses.SphereFaceLoss, oracle.sphere_face, {"margin": 4, "scale": 10}),
        (losses.SphereFaceLoss, oracle.sphere_face, {"margin": 5, "scale": 10}),
        (losses.ProxyNCALoss, oracle.proxy_nca, {"temperature": 0.1}),
        (losses.ProxyNCAPlusPlusLoss, oracle.proxy_nca_plus_plus, {"temperature": 0.11}),
    ],
)
def test_equals_its_definition(make, definition, settings):
    labels, s = batch()
    expected = definition(labels, s.astype("float64"), **settings)
    np.testing.assert_allclose(values(make(**settings), labels, s), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize(
    "make, definition, settings",
    [
        (losses.SubCenterArcFaceLoss, oracle.sub_center_arc_face, {"margin": 0.5, "scale": 30}),
        (losses.SoftTripleLoss, oracle.soft_triple, {"margin": 0.01, "scale": 20, "temperature": 0.1}),
        (losses.SoftTripleLoss, oracle.soft_triple, {"margin": 0.3, "scale": 10, "temperature": 1.0}),
    ],
)
def test_several_centers_equal_their_definition(make, definition, settings):
    labels, s = batch(per_class=3)
    expected = definition(labels, s.astype("float64"), **settings)
    np.testing.assert_allclose(values(make(**settings), labels, s), expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4, 4], [2, 2, 2], [0]])
def test_proxy_anchor_equals_its_definition_whatever_classes_the_batch_lacks(labels):
    _, s = batch(len(labels))
    for settings in ({"margin": 0.1, "scale": 32}, {"margin": 0.3, "scale": 2}):
        expected = oracle.proxy_anchor(labels, s.astype("float64"), **settings)
        assert float(losses.ProxyAnchorLoss(**settings)(labels, s)) == pytest.approx(expected, rel=1e-5)


def test_proxy_anchor_shares_a_proxy_s_terms_among_its_samples():
    """With one proxy there are only positives, all alike; a sample of another class is all its negatives."""
    np.testing.assert_allclose(
        values(losses.ProxyAnchorLoss(0.0, 1.0), [0, 0], np.zeros((2, 1))), [np.log(3)] * 2, rtol=1e-6
    )
    shares = values(losses.ProxyAnchorLoss(0.0, 1.0), [0, 1, 1], np.zeros((3, 2)))
    # 3 samples times: half of log(2) or log(3)/2 as a positive, and half of log(3)/2 or log(2) as a negative.
    expected = [1.5 * (np.log(2) + np.log(2)), *[1.5 * (np.log(3) / 2 + np.log(3) / 2)] * 2]
    np.testing.assert_allclose(sorted(shares), sorted(expected), rtol=1e-5)
    assert shares.mean() == pytest.approx(oracle.proxy_anchor([0, 1, 1], np.zeros((3, 2)), 0, 1), rel=1e-5)


@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_without_a_margin_they_are_normalised_softmax(scale):
    labels, s = batch()
    expected = values(losses.NormalizedSoftmaxLoss(1 / scale), labels, s)
    for same in (
        losses.CosFaceLoss(0, scale),
        losses.ArcFaceLoss(0, scale),
        losses.SphereFaceLoss(1, scale),
        losses.SoftTripleLoss(0, scale),
        losses.AdaCosLoss(scale),
        losses.ProxyNCAPlusPlusLoss(2 / scale),
    ):
        np.testing.assert_allclose(values(same, labels, s), expected, rtol=1e-4, atol=1e-5)


def test_normalised_softmax_is_the_cross_entropy_of_keras():
    labels, s = batch()
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, s / 0.1)
    assert float(losses.NormalizedSoftmaxLoss(0.1)(labels, s)) == pytest.approx(float(expected), rel=1e-5)


def test_one_center_a_class_is_the_loss_without_sub_centers():
    labels, s = batch()
    np.testing.assert_array_equal(
        values(losses.SubCenterArcFaceLoss(), labels, s[..., None]), values(losses.ArcFaceLoss(), labels, s)
    )
    np.testing.assert_allclose(
        values(losses.SoftTripleLoss(), labels, s[..., None]),
        values(losses.SoftTripleLoss(), labels, s),
        rtol=1e-6,
    )


def test_soft_triple_tends_to_the_nearest_center_and_to_their_mean():
    labels, s = batch(per_class=3)
    nearest, mean = (values(losses.SoftTripleLoss(0.1, 10, t), labels, s) for t in (1e-4, 1e6))
    np.testing.assert_allclose(nearest, values(losses.CosFaceLoss(0.1, 10), labels, s.max(2)), rtol=1e-4)
    np.testing.assert_allclose(mean, values(losses.CosFaceLoss(0.1, 10), labels, s.mean(2)), rtol=1e-4)


def test_the_spread_of_centers():
    weights = np.random.default_rng(0).normal(size=(4, 3, 6))
    assert float(losses.center_spread(weights)) == pytest.approx(oracle.spread(weights), rel=1e-6)
    same = np.ones((4, 3, 6), "float32")
    value, gradient = value_and_gradient(losses.center_spread, same)
    assert abs(value) < 1e-3 and np.isfinite(gradient).all()
    assert float(losses.center_spread(weights[:, :1])) == 0


@pytest.mark.parametrize(
    "classes, scale", [(10, 3.1073), (100, 6.4985), (1000, 9.7677), (3, 0.9803), (1, 0.9803)]
)
def test_the_fixed_scale_of_ada_cos(classes, scale):
    assert losses.fixed_scale(classes) == pytest.approx(scale, abs=1e-4)
    if classes > 3:
        labels, s = np.arange(5), np.random.default_rng(0).uniform(-1, 1, (5, classes))
        expected = np.mean(oracle.normalized_softmax(labels, s, 1 / losses.fixed_scale(classes)))
        assert float(losses.AdaCosLoss()(labels, s)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n", [1, 2, 7, 12])
@pytest.mark.parametrize("spread", [0.3, 0.95])
def test_the_adapted_scale_of_ada_cos(n, spread):
    """The median angle below and above 45 degrees, of odd and even numbers."""
    rng = np.random.default_rng(n)
    labels = rng.integers(0, CLASSES, n)
    s = rng.uniform(-spread, spread, (n, CLASSES))
    own = np.eye(CLASSES, dtype=bool)[labels]
    s[own] = np.abs(s[own])
    adapted = float(losses.adapted_scale(s, own, 4.0))
    assert adapted == pytest.approx(oracle.ada_cos_scale(labels, s, 4.0), rel=1e-5)


def test_the_adapted_scale_stays_a_scale():
    far = np.where(np.eye(3, dtype=bool), 1.0, -1.0)
    assert oracle.ada_cos_scale([0, 1, 2], far, 4.0) < 0
    assert float(losses.adapted_scale(far, np.eye(3, dtype=bool), 4.0)) == pytest.approx(0.09803, abs=1e-4)
    near = np.where(np.eye(3, dtype=bool), 0.0, 0.99)  # farther from their class than from the others
    grown = 4.0
    for _ in range(50):
        grown = float(losses.adapted_scale(near, np.eye(3, dtype=bool), grown))
    assert grown == pytest.approx(9.803, abs=1e-3)
    # Rows without a class are not of the batch, and a batch without a class changes nothing.
    own = np.eye(3, dtype=bool)
    s = np.random.default_rng(0).uniform(-0.9, 0.9, (3, 3))
    some = float(losses.adapted_scale(np.r_[s, np.ones((2, 3))], np.r_[own, np.zeros((2, 3), bool)], 4.0))
    assert some == pytest.approx(float(losses.adapted_scale(s, own, 4.0)), rel=1e-6)
    assert float(losses.adapted_scale(s, np.zeros((3, 3), bool), 4.0)) == 4.0
    assert float(losses.adapted_scale(s[:, :1], np.ones((3, 1), bool), 4.0)) == 4.0


@pytest.mark.parametrize("margin", [0.37, 1.0, 2.5])
def test_the_added_angle_falls_all_the_way(margin):
    angles = np.linspace(0, np.pi, 2001)
    added = ops.convert_to_numpy(losses.add_angle(np.cos(angles), margin))
    assert (np.diff(added) <= 1e-6).all()
    before = angles < np.pi - margin - 1e-3
    np.testing.assert_allclose(added[before], np.cos(angles + margin)[before], atol=1e-3)


@pytest.mark.parametrize("times", [1, 2, 3, 4, 7])
def test_the_multiplied_angle_falls_all_the_way(times):
    angles = np.linspace(0, np.pi, 2001)
    multiplied = ops.convert_to_numpy(losses.multiply_angle(np.cos(angles).astype("float32"), times))
    assert (np.diff(multiplied) <= 1e-4).all()
    assert multiplied[0] == pytest.approx(1) and multiplied[-1] == pytest.approx(1 - 2 * times, abs=1e-4)


@pytest.mark.parametrize("cosine", [1.0, -1.0, 1.0000001, -1.0000001, 0.99999994])
def test_arc_face_has_a_gradient_at_the_ends(cosine):
    """Through arccos it would be infinite at ±1, and NaN beyond."""
    s = np.array([[cosine, 0.0]], "float32")
    value, gradient = value_and_gradient(lambda x: losses.ArcFaceLoss(0.5, 64)(np.array([0]), x), s)
    assert np.isfinite(value) and np.isfinite(gradient).all()
    if cosine <= -1:
        assert gradient[0, 0] < 0  # it still pulls


def test_proxy_nca_plus_plus_mends_what_proxy_nca_lacks():
    """ProxyNCA leaves the own proxy out of those it is told from, and has no least value."""
    s = np.array([[1.0, -1.0]])
    assert float(losses.ProxyNCALoss(0.1)([0], s)) == pytest.approx(-40)
    assert 0 <= float(losses.ProxyNCAPlusPlusLoss(0.1)([0], s)) < 1e-12


@pytest.mark.parametrize(
    "name", ["CosFaceLoss", "ArcFaceLoss", "SubCenterArcFaceLoss", "ProxyAnchorLoss", "SoftTripleLoss"]
)
def test_bad_margins_and_scales_are_refused(name):
    make = getattr(losses, name)
    for margin in (-0.1, "big", float("nan"), True):
        with pytest.raises(ValueError, match=r"Expected margin to be .*received: "):
            make(margin=margin)
    for scale in (0, -1, "big", float("inf")):
        with pytest.raises(ValueError, match=r"Expected scale to be a number above 0, received: "):
            make(scale=scale)


def test_other_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"Expected margin to be at most π, in radians, received: 28\.6"):
        losses.ArcFaceLoss(margin=28.6)
    for margin in (0, 1.5, "4", True):
        with pytest.raises(ValueError, match=r"Expected margin to be an integer of at least 1, received: "):
            losses.SphereFaceLoss(margin=margin)
    for make in (losses.NormalizedSoftmaxLoss, losses.ProxyNCALoss, losses.ProxyNCAPlusPlusLoss):
        with pytest.raises(ValueError, match=r"Expected temperature to be a number above 0, received: 0"):
            make(temperature=0)
    with pytest.raises(ValueError, match=r"Expected scale to be a number above 0, received: -1"):
        losses.AdaCosLoss(scale=-1)
