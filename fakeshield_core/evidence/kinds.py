"""The kind of a forgery from measurements: how likely splice, copy-move and removal are, and when to say so.

A small multinomial logistic regression over the numbers of `kinds_features`. A mask may be wrong, so an area
that nobody touched is one of the outcomes; where it is likely, no kind is. Its weights are `kinds.json`
beside this file, made by `python -m fakeshield_core.training.kinds`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import BoolMask, FindingKind, JsonValue, RgbImage
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.evidence.copies import Copies
from fakeshield_core.evidence.kinds_features import NAMES, features_of

Values = npt.NDArray[np.float64]

KINDS: tuple[FindingKind, ...] = ("splice", "copy_move", "removal")
OUTCOMES = (*KINDS, "untouched")
WEIGHTS = Path(__file__).with_name("kinds.json")
FARTHEST = 3.0  # deviations; what lies beyond was hardly learnt from


@dataclass(frozen=True, slots=True)
class KindModel:
    """Weights of the regression, its calibration, and the level from which a kind is stated."""

    means: Values  # (D,), of the features it was learnt from
    deviations: Values  # (D,)
    weights: Values  # (len(OUTCOMES), 1 + 2 D), bias, features, squares of features
    temperature: float  # divides the logits: 1 leaves them, more makes the model less sure
    level: float  # 0..1, least probability of a kind that is stated

    def probabilities(self, features: Values) -> Values:
        """(N, len(OUTCOMES)) calibrated, of (N, D) features."""
        logits = designed(features, self.means, self.deviations) @ self.weights.T / self.temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


@dataclass(frozen=True, slots=True)
class KindReading:
    """What the measurements say about one area."""

    probabilities: Mapping[FindingKind, float]  # of KINDS; the rest of 1: nobody touched the area
    level: float  # from which one is stated

    @property
    def likeliest(self) -> FindingKind:
        """Of KINDS."""
        return max(self.probabilities, key=lambda kind: self.probabilities[kind])

    @property
    def stated(self) -> FindingKind:
        """The likeliest kind where it is likely enough, else "unknown"."""
        return self.likeliest if self.probabilities[self.likeliest] >= self.level else "unknown"


def read_kind(rgb: RgbImage, mask: BoolMask, copies: Copies | None) -> KindReading | None:
    """How likely each kind is for one area; None where it is too small or too large to tell.

    What is looked at is bounded: the work hardly grows with the picture.

    Args:
        rgb: (H, W, 3), upright.
        mask: (H, W), one area of it.
        copies: of `find_copies` for the same picture.

    Raises:
        EngineUnavailable: the weights are missing or damaged.
    """
    features = features_of(rgb, mask, copies)
    if features is None:
        return None
    model = shipped_model()
    likely = model.probabilities(features[None])[0, : len(KINDS)].tolist()
    return KindReading(dict(zip(KINDS, likely, strict=True)), model.level)


def designed(features: Values, means: Values, deviations: Values) -> Values:
    """(N, 1 + 2 D): ones, the features in deviations from their means, and their squares."""
    scaled = np.clip((features - means) / deviations, -FARTHEST, FARTHEST)
    return np.concatenate([np.ones((len(scaled), 1)), scaled, scaled**2], axis=1)


@lru_cache(maxsize=1)
def shipped_model() -> KindModel:
    """The model of WEIGHTS.

    Raises:
        EngineUnavailable: the file is missing or damaged.
    """
    try:
        return model_from_json(json.loads(WEIGHTS.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(
            f"{WEIGHTS.name} is missing or damaged; install the program again."
        ) from error


def model_from_json(document: Mapping[str, JsonValue]) -> KindModel:
    """The model of `model_to_json`.

    Raises:
        ValueError: it is for other features or outcomes, or a number is missing.
    """
    if document["features"] != list(NAMES) or document["outcomes"] != list(OUTCOMES):
        raise ValueError("These weights are for other features or outcomes; train them again.")
    values = {name: np.array(document[name], np.float64) for name in ("means", "deviations", "weights")}
    size = len(NAMES)
    shapes = {"means": (size,), "deviations": (size,), "weights": (len(OUTCOMES), 1 + 2 * size)}
    if any(
        values[name].shape != shape or not np.isfinite(values[name]).all() for name, shape in shapes.items()
    ):
        raise ValueError("Weights have the wrong number of values; train them again.")
    return KindModel(
        **values, temperature=float(str(document["temperature"])), level=float(str(document["level"]))
    )


def model_to_json(model: KindModel) -> dict[str, JsonValue]:
    """As kept in WEIGHTS, rounded to four digits behind the point."""
    return {
        "outcomes": list(OUTCOMES),
        "features": list(NAMES),
        "temperature": round(model.temperature, 3),
        "level": model.level,
        **{name: np.round(getattr(model, name), 4).tolist() for name in ("means", "deviations", "weights")},
    }
