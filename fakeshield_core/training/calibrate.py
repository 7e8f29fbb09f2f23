"""From logits to a score: fitted on held-out groups, both classes compressed alike, with measured rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fakeshield_core.checkpoints.compact import Calibration, CompactCheckpoint
from fakeshield_core.domain import JsonValue
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.evidence.copies import find_copies
from fakeshield_core.training.conditions import analysed, saved
from fakeshield_core.training.logistic import fitted
from fakeshield_core.training.photographs import Photograph

QUALITIES = (None, 95, 85, 75)  # every picture is read as its file is, and compressed again at each
FALSE_ALARMS = 0.06  # share of authentic readings above the threshold
FIRM_FALSE_ALARMS = 0.05  # share of recompressed authentic readings with the verdict *tampered*
FIRM_MISSES = 0.01  # share of recompressed forgeries with the verdict *no tampering found*
RIDGE = 1.0  # penalty on the weights, in units of one reading
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Readings:
    """Image-level features of held-out pictures."""

    features: Values  # (N, 3): image-level logit, peak of the map, log(1 + pairs of copied places)
    labels: npt.NDArray[np.bool_]  # (N,) True = tampered
    alike: npt.NDArray[np.bool_]  # (N,) True where both classes went through the same last compression


def readings_of(engine: CompactEngine, photographs: Sequence[Photograph]) -> Readings:
    """Every picture at each of QUALITIES, read whole."""
    features, labels, alike = [], [], []
    for photograph in photographs:
        rgb, table = analysed(photograph)
        for quality in QUALITIES:
            again, steps = saved(rgb, table, quality)
            reading, copies = engine.read(again, steps), find_copies(again)
            features.append((reading.label, reading.peak, np.log1p(len(copies.pairs) if copies else 0)))
            labels.append(photograph.is_tampered)
            alike.append(quality is not None)
    return Readings(np.array(features), np.array(labels), np.array(alike))


def calibrated(readings: Readings) -> Calibration:
    """Logistic weights, threshold at FALSE_ALARMS, and the band outside which few verdicts are wrong.

    The bytes of the published sets give the class away: weights and band are fitted on what was compressed
    alike. The threshold counts every reading, because people bring files as they are.
    """
    bias, weights = _weights(readings, (1.0, 1.0, 1.0))
    if weights[1] < 0:  # a stronger map may not make a picture less suspect
        bias, weights = _weights(readings, (1.0, 0.0, 1.0))
    logits, forged = bias + readings.features @ weights, readings.labels
    edge = float(np.quantile(logits[~forged], 1 - FALSE_ALARMS))
    surely_forged = float(np.quantile(logits[~forged & readings.alike], 1 - FIRM_FALSE_ALARMS))
    surely_not = float(np.quantile(logits[forged & readings.alike], FIRM_MISSES))
    label_weight, peak_weight, copies_weight = weights.tolist()
    return Calibration(
        bias=bias,
        label_weight=label_weight,
        peak_weight=peak_weight,
        copies_weight=copies_weight,
        threshold=float(1 / (1 + np.exp(-edge))),
        band_below=max(0.0, surely_forged - edge),
        band_above=max(0.0, edge - surely_not),
    )


def _weights(readings: Readings, used: tuple[float, float, float]) -> tuple[float, Values]:
    """Bias and three weights, both classes weighing the same; a feature used 0 times gets weight 0."""
    labels = readings.labels[readings.alike]
    share = np.where(labels, 0.5 / max(1, labels.sum()), 0.5 / max(1, (~labels).sum())) * len(labels)
    bias, weights = fitted(readings.features[readings.alike] * used, labels, share, RIDGE)
    return bias, weights


def rates(readings: Readings, calibration: Calibration) -> dict[str, JsonValue]:
    """How often the verdict is wrong, in pictures of a hundred; authentic and tampered counted apart."""
    weights = (calibration.label_weight, calibration.peak_weight, calibration.copies_weight)
    labels = readings.labels[readings.alike]
    logits = calibration.bias + readings.features[readings.alike] @ weights
    edge = float(np.log(calibration.threshold / (1 - calibration.threshold)))
    above, below = logits - calibration.band_below > edge, logits + calibration.band_above < edge
    return {
        "false_alarm_per_100": round(100 * float(above[~labels].mean()), 1),
        "missed_per_100": round(100 * float(below[labels].mean()), 1),
        "inconclusive_per_100": round(100 * float((~above & ~below).mean()), 1),
        "readings": len(logits),
        "measured_on": "held-out tenth of the training groups, recompressed at quality 95, 85 and 75",
    }


def with_calibration(checkpoint: CompactCheckpoint, calibration: Calibration) -> CompactCheckpoint:
    """The same weights under another calibration."""
    return CompactCheckpoint(checkpoint.network, calibration, checkpoint.digest, checkpoint.card)
