"""From logits to a score: fitted on held-out groups, both classes compressed alike, with measured rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fakeshield_core import imaging
from fakeshield_core.checkpoints.compact import Calibration, CompactCheckpoint
from fakeshield_core.domain import JsonValue
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.engines.tiles import analysed_size
from fakeshield_core.evidence.copies import find_copies
from fakeshield_core.training.logistic import fitted
from fakeshield_core.training.photographs import Photograph

QUALITIES = (95, 85, 75)  # every picture is read at each of these
FALSE_ALARMS = 0.05  # share of authentic readings above the threshold
INCONCLUSIVE = 0.2  # share of readings whose band crosses the threshold
RIDGE = 1.0  # penalty on the two weights, in units of one reading
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Readings:
    """Image-level features of held-out pictures."""

    features: Values  # (N, 3): image-level logit, peak of the map, log(1 + pairs of copied places)
    labels: npt.NDArray[np.bool_]  # (N,) True = tampered


def readings_of(engine: CompactEngine, photographs: Sequence[Photograph]) -> Readings:
    """Every picture recompressed at each of QUALITIES, read whole."""
    features, labels = [], []
    for photograph in photographs:
        height, width = analysed_size(*photograph.rgb.shape[:2])
        rgb = photograph.rgb
        if (height, width) != rgb.shape[:2]:
            rgb = imaging.resize_rgb(rgb, height, width)
        for quality in QUALITIES:
            again = imaging.recompress(rgb, quality)
            reading, copies = engine.read(again), find_copies(again)
            features.append((reading.label, reading.peak, np.log1p(len(copies.pairs) if copies else 0)))
            labels.append(photograph.is_tampered)
    return Readings(np.array(features), np.array(labels))


def calibrated(readings: Readings) -> Calibration:
    """Logistic weights, threshold at FALSE_ALARMS, and a band that leaves INCONCLUSIVE undecided."""
    bias, weights = _weights(readings, (1.0, 1.0, 1.0))
    if weights[1] < 0:  # a stronger map may not make a picture less suspect
        bias, weights = _weights(readings, (1.0, 0.0, 1.0))
    logits = bias + readings.features @ weights
    edge = float(np.quantile(logits[~readings.labels], 1 - FALSE_ALARMS))
    band = float(np.quantile(np.abs(logits - edge), INCONCLUSIVE))
    label_weight, peak_weight, copies_weight = weights.tolist()
    return Calibration(
        bias=bias,
        label_weight=label_weight,
        peak_weight=peak_weight,
        copies_weight=copies_weight,
        threshold=float(1 / (1 + np.exp(-edge))),
        band_logit=band,
    )


def _weights(readings: Readings, used: tuple[float, float, float]) -> tuple[float, Values]:
    """Bias and three weights, both classes weighing the same; a feature used 0 times gets weight 0."""
    labels = readings.labels
    share = np.where(labels, 0.5 / max(1, labels.sum()), 0.5 / max(1, (~labels).sum())) * len(labels)
    bias, weights = fitted(readings.features * used, labels, share, RIDGE)
    return bias, weights


def rates(readings: Readings, calibration: Calibration) -> dict[str, JsonValue]:
    """How often the verdict is wrong, in pictures of a hundred; authentic and tampered counted apart."""
    weights = (calibration.label_weight, calibration.peak_weight, calibration.copies_weight)
    logits = calibration.bias + readings.features @ weights
    edge = float(np.log(calibration.threshold / (1 - calibration.threshold)))
    above, below = logits - calibration.band_logit > edge, logits + calibration.band_logit < edge
    return {
        "false_alarm_per_100": round(100 * float(above[~readings.labels].mean()), 1),
        "missed_per_100": round(100 * float(below[readings.labels].mean()), 1),
        "inconclusive_per_100": round(100 * float((~above & ~below).mean()), 1),
        "readings": len(logits),
        "measured_on": "held-out tenth of the training groups, recompressed at quality 95, 85 and 75",
    }


def with_calibration(checkpoint: CompactCheckpoint, calibration: Calibration) -> CompactCheckpoint:
    """The same weights under another calibration."""
    return CompactCheckpoint(checkpoint.network, calibration, checkpoint.digest, checkpoint.card)
