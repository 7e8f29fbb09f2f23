"""Image-level head and calibration: checked against a twin; a map never excuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from fakeshield_core.checkpoints.compact import Calibration
from fakeshield_core.training.calibrate import (
    FALSE_ALARMS,
    FIRM_FALSE_ALARMS,
    FIRM_MISSES,
    Readings,
    calibrated,
    rates,
)
from fakeshield_core.training.logistic import fitted
from fakeshield_core.training.score_head import READINGS, HeadData, head, head_data
from tests.unit.test_compact_engine import engine_with
from tests.unit.test_training import photograph


def readings(label_sign: float, peak_sign: float, copies_sign: float = 0.5, count: int = 400) -> Readings:
    """All features tell the classes apart, in the direction of their sign."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2 == 1
    shift = np.where(labels, 1.0, -1.0)[:, None] * (label_sign, peak_sign, copies_sign)
    return Readings(rng.normal(size=(count, 3)) + shift, labels, np.arange(count) % 4 > 0)


def test_the_coefficients_are_those_of_sklearn() -> None:
    from sklearn.linear_model import LogisticRegression

    given = readings(1, 1)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(given.labels))
    twin = LogisticRegression(C=0.25, tol=1e-10, max_iter=1000)
    twin.fit(given.features, given.labels, sample_weight=weights)
    bias, coefficients = fitted(given.features, given.labels, weights, ridge=4.0)
    assert bias == pytest.approx(float(twin.intercept_[0]), abs=1e-4)
    np.testing.assert_allclose(coefficients, twin.coef_[0], atol=1e-4)


def test_the_head_reads_raw_tokens_as_it_was_fitted_on_standardised_ones() -> None:
    given = readings(1, 1)
    pooled = given.features * (0.01, 100.0, 1.0) + (5.0, -300.0, 0.0)  # other scales and offsets
    weights = np.ones(len(given.labels))
    bias, coefficients = head(HeadData(pooled, given.labels, weights), ridge=1.0)
    found = pooled @ coefficients + bias > 0
    assert (found == given.labels).mean() > 0.85
    shifted = head(HeadData(pooled + 7.0, given.labels, weights), ridge=1.0)
    np.testing.assert_allclose(
        (pooled + 7.0) @ shifted[1] + shifted[0], pooled @ coefficients + bias, atol=1e-6
    )


def test_only_sets_with_both_classes_take_part_and_each_class_of_each_weighs_the_same() -> None:
    pictures = [
        *[photograph(k, k < 2, "mixed") for k in range(6)],
        *[photograph(10 + k, k < 3, "other") for k in range(4)],
        photograph(20, False, "authentic only"),
    ]
    data = head_data(engine_with(), pictures, np.random.default_rng(0))
    assert len(data.labels) == READINGS * 10
    assert data.weights[data.labels].sum() == pytest.approx(data.weights[~data.labels].sum())
    assert data.weights.mean() == pytest.approx(1.0)


def test_a_map_that_would_excuse_is_left_out_of_the_score() -> None:
    assert calibrated(readings(1, 1)).peak_weight > 0
    excusing = calibrated(readings(1, -1))
    assert excusing.peak_weight == 0 and excusing.label_weight > 0


def test_copied_areas_count_for_tampering() -> None:
    assert (
        calibrated(readings(1, 1, copies_sign=2.0)).copies_weight
        > calibrated(readings(1, 1)).copies_weight
        > 0
    )


def score_logits(given: Readings, calibration: Calibration) -> npt.NDArray[np.float64]:
    weights = (calibration.label_weight, calibration.peak_weight, calibration.copies_weight)
    return np.asarray(calibration.bias + given.features @ weights)


def test_the_threshold_lets_so_many_authentic_readings_through() -> None:
    given = readings(1, 1)
    calibration = calibrated(given)
    score = 1 / (1 + np.exp(-score_logits(given, calibration)))
    assert (score[~given.labels] > calibration.threshold).mean() == pytest.approx(FALSE_ALARMS, abs=0.005)


def test_files_as_they_are_move_the_threshold_and_nothing_else() -> None:
    given = readings(1, 1)
    other = given.features + np.where(given.alike, 0.0, 3.0)[:, None]
    first, second = calibrated(given), calibrated(replace(given, features=other))
    assert second.threshold > first.threshold
    assert (second.bias, second.label_weight) == (first.bias, first.label_weight)


def test_firm_verdicts_are_seldom_wrong_on_either_side() -> None:
    given = readings(0.6, 0.6)
    calibration = calibrated(given)
    logits, forged = score_logits(given, calibration), given.labels
    edge = np.log(calibration.threshold / (1 - calibration.threshold))
    firm_not = logits + calibration.band_above < edge
    assert firm_not[forged & given.alike].mean() == pytest.approx(FIRM_MISSES, abs=0.007)
    firm = logits - calibration.band_below > edge
    assert firm[~forged & given.alike].mean() <= FIRM_FALSE_ALARMS + 1e-9
    assert firm_not[~forged].mean() > 0.1 < firm[forged].mean()


def test_rates_count_each_class_alone() -> None:
    given = readings(3, 3)  # hardly any overlap
    told = rates(given, calibrated(given))
    assert told["readings"] == 300  # compressed alike
    assert isinstance(told["false_alarm_per_100"], float) and 0 < told["false_alarm_per_100"] <= 5
    assert isinstance(told["missed_per_100"], float) and told["missed_per_100"] <= 3
