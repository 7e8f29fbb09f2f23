"""Calibration: weights that can be checked by hand, a threshold at its rate, a map that never excuses."""

from __future__ import annotations

import numpy as np
import pytest

from fakeshield_core.training.calibrate import Readings, calibrated, logistic, rates


def readings(label_sign: float, peak_sign: float, count: int = 400) -> Readings:
    """Both features tell the classes apart, in the direction of their sign."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2 == 1
    shift = np.where(labels, 1.0, -1.0)[:, None] * (label_sign, peak_sign)
    return Readings(rng.normal(size=(count, 2)) + shift, labels)


def test_the_weights_are_those_of_sklearn() -> None:
    from sklearn.linear_model import LogisticRegression

    given = readings(1, 1)
    twin = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(given.features, given.labels)  # classes are equally many here
    bias, label_weight, peak_weight = logistic(given.features, given.labels)
    assert bias == pytest.approx(float(twin.intercept_[0]), abs=1e-3)
    assert (label_weight, peak_weight) == pytest.approx(tuple(twin.coef_[0]), abs=1e-3)


def test_a_map_that_would_excuse_is_left_out_of_the_score() -> None:
    assert calibrated(readings(1, 1)).peak_weight > 0
    excusing = calibrated(readings(1, -1))
    assert excusing.peak_weight == 0 and excusing.label_weight > 0


def test_the_threshold_lets_five_in_a_hundred_authentic_readings_through() -> None:
    given = readings(1, 1)
    calibration = calibrated(given)
    weights = (calibration.label_weight, calibration.peak_weight)
    logits = calibration.bias + given.features @ weights
    score = 1 / (1 + np.exp(-logits))
    assert (score[~given.labels] > calibration.threshold).mean() == pytest.approx(0.05, abs=0.01)


def test_rates_count_each_class_alone() -> None:
    given = readings(3, 3)  # hardly any overlap
    told = rates(given, calibrated(given))
    assert told["readings"] == 400
    assert isinstance(told["false_alarm_per_100"], float) and told["false_alarm_per_100"] <= 5
    assert told["missed_per_100"] == 0
    assert told["inconclusive_per_100"] == pytest.approx(20, abs=1)
