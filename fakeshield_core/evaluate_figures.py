"""Sums of an evaluation: one Slice for each data set, kind of tampering and change, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fakeshield_core import metrics
from fakeshield_core.domain import Verdict
from fakeshield_core.manifest import ManifestRow
from fakeshield_core.sweep import Curve, best_single_threshold

PROTOCOL_THRESHOLD = 0.5  # strict; of pixels and of pictures
FALSE_ALARMS = 0.05  # at which the detection rate is told

T = TypeVar("T")
Statistic = Callable[[npt.NDArray[np.float64], npt.NDArray[np.bool_]], float | None]


@dataclass(frozen=True, slots=True)
class PixelScores:
    """Pixel metrics of one tampered picture, each 0..1."""

    f1: float  # map > 0.5
    iou: float
    auc: float
    average_precision: float
    f1_engine_threshold: float  # the engine's own mask
    iou_engine_threshold: float
    f1_512: float  # map and ground truth brought to 512 x 512, map > 0.5
    iou_512: float


@dataclass(frozen=True, slots=True)
class OracleScores:
    """Pixel metrics that need the ground truth to be reached; never main figures."""

    best_f1: float  # at the best threshold of this picture
    permute_f1: float  # the better of the mask and its inverse
    f1_curve: Curve  # at every threshold, for the best single one of a data set


@dataclass(frozen=True, slots=True)
class Measured:
    """One picture under one condition."""

    row: ManifestRow
    change: str | None  # made to it before, by name; None: the file as it is
    verdict: Verdict
    score: float | None
    threshold: float  # of the score, the engine's
    marked_fraction: float | None  # of the picture, map > 0.5; None: no map was given
    mask_fraction: float | None  # of the picture, the engine's own mask
    pixel: PixelScores | None  # None: no map, or no mask to compare with
    oracle: OracleScores | None
    cpu_s: float  # CPU-seconds of all threads, decoding left out
    wall_s: float

    @property
    def group(self) -> str:
        """The source scene."""
        return self.row.group


@dataclass(frozen=True, slots=True)
class Failure:
    """A picture that could not be measured."""

    name: str
    reason: str  # one sentence


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; no interval where fewer than two groups were measured."""

    value: float
    low: float | None
    high: float | None
    n: int  # pictures


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are made: whole groups drawn with replacement."""

    seed: int = 0
    resamples: int = 1000

    def mean(self, values: Sequence[float], groups: Sequence[str]) -> Estimate | None:
        """The mean with its interval; None without values."""
        if not values:
            return None
        value = float(np.mean(values))
        if len(set(groups)) < 2:
            return Estimate(value, None, None, len(values))
        return Estimate(
            value, *metrics.bootstrap_interval(values, groups, self.seed, self.resamples), len(values)
        )

    def statistic(
        self, compute: Statistic, scores: Sequence[float], labels: Sequence[bool], groups: Sequence[str]
    ) -> Estimate | None:
        """A figure of scores and labels with its interval; None where a class is missing."""
        values, truth = np.asarray(scores, np.float64), np.asarray(labels, np.bool_)
        value = compute(values, truth) if scores else None
        if value is None:
            return None
        if len(set(groups)) < 2:
            return Estimate(value, None, None, len(scores))
        draws = metrics.group_resamples(groups, self.seed, self.resamples)
        resampled = [compute(values[drawn], truth[drawn]) for drawn in draws]
        interval = metrics.percentile_interval([draw for draw in resampled if draw is not None])
        return Estimate(value, interval.low, interval.high, len(scores))


@dataclass(frozen=True, slots=True)
class Slice:
    """Everything measured on a data set, or on one kind of tampering with the set's authentic pictures."""

    dataset: str
    tampering: str | None  # None: all kinds
    change: str | None
    tampered: int  # pictures
    authentic: int
    with_mask: int  # tampered pictures that enter the pixel metrics
    pixel: Mapping[str, Estimate | None]
    oracle: Mapping[str, Estimate | None]
    best_threshold: float | None  # the single one behind oracle["best_single_threshold_f1"]
    image: Mapping[str, Estimate | None]
    alarms: Mapping[str, Estimate | None]  # at the engine's thresholds, each on one class alone
    verdicts: Mapping[str, Mapping[str, int]]  # "tampered" | "authentic" -> verdict -> pictures
    cpu_s: Estimate | None
    wall_s: Estimate | None


def slices(measured: Sequence[Measured], bootstrap: Bootstrap) -> tuple[Slice, ...]:
    """One slice for each condition and data set, then its kinds of tampering where there are several."""
    used = [m for m in measured if m.row.is_used]
    return tuple(_slices(used, bootstrap))


def _slices(used: Sequence[Measured], bootstrap: Bootstrap) -> Iterator[Slice]:
    for change in _distinct(m.change for m in used):
        for dataset in _distinct(m.row.dataset for m in used):
            part = [m for m in used if m.change == change and m.row.dataset == dataset]
            if part:
                yield _slice(part, None, bootstrap)
            kinds = _distinct(m.row.tampering for m in part if m.row.is_tampered)
            for kind in kinds if len(kinds) > 1 else ():
                yield _slice(
                    [m for m in part if not m.row.is_tampered or m.row.tampering == kind], kind, bootstrap
                )


def _slice(part: Sequence[Measured], tampering: str | None, bootstrap: Bootstrap) -> Slice:
    tampered = [m for m in part if m.row.is_tampered]
    authentic = [m for m in part if not m.row.is_tampered]
    oracle, best_threshold = _oracle_figures(tampered, bootstrap)
    groups = [m.group for m in part]
    return Slice(
        dataset=part[0].row.dataset,
        tampering=tampering,
        change=part[0].change,
        tampered=len(tampered),
        authentic=len(authentic),
        with_mask=sum(m.pixel is not None for m in tampered),
        pixel=_pixel_figures(tampered, bootstrap),
        oracle=oracle,
        best_threshold=best_threshold,
        image=_image_figures(part, bootstrap),
        alarms=_alarms(tampered, authentic, bootstrap),
        verdicts={"tampered": _verdicts(tampered), "authentic": _verdicts(authentic)},
        cpu_s=bootstrap.mean([m.cpu_s for m in part], groups),
        wall_s=bootstrap.mean([m.wall_s for m in part], groups),
    )


def _pixel_figures(tampered: Sequence[Measured], bootstrap: Bootstrap) -> dict[str, Estimate | None]:
    pairs = [(m.pixel, m.group) for m in tampered if m.pixel is not None]
    groups = [group for _, group in pairs]
    names = [field.name for field in fields(PixelScores)]
    return {name: bootstrap.mean([getattr(pixel, name) for pixel, _ in pairs], groups) for name in names}


def _oracle_figures(
    tampered: Sequence[Measured], bootstrap: Bootstrap
) -> tuple[dict[str, Estimate | None], float | None]:
    pairs = [(m.oracle, m.group) for m in tampered if m.oracle is not None]
    if not pairs:
        return {"best_single_threshold_f1": None, "best_f1": None, "permute_f1": None}, None
    groups = [group for _, group in pairs]
    threshold, at_best = best_single_threshold([oracle.f1_curve for oracle, _ in pairs])
    figures = {
        "best_single_threshold_f1": bootstrap.mean(at_best.tolist(), groups),
        "best_f1": bootstrap.mean([oracle.best_f1 for oracle, _ in pairs], groups),
        "permute_f1": bootstrap.mean([oracle.permute_f1 for oracle, _ in pairs], groups),
    }
    return figures, threshold


def _image_figures(part: Sequence[Measured], bootstrap: Bootstrap) -> dict[str, Estimate | None]:
    scored = [(m.score, m.row.is_tampered, m.group) for m in part if m.score is not None]
    scores, labels, groups = (
        [list(column) for column in zip(*scored, strict=True)] if scored else [[], [], []]
    )
    threshold = part[0].threshold
    return {
        name: bootstrap.statistic(compute, scores, labels, groups)
        for name, compute in _image_statistics(threshold).items()
    }


def _image_statistics(threshold: float) -> dict[str, Statistic]:
    """Figures of one set's scores; all need both classes, so that sets stay comparable."""
    computed: dict[str, Statistic] = {
        "auc": metrics.image_auc,
        "balanced_accuracy": lambda scores, labels: metrics.balanced_accuracy(scores > threshold, labels),
        "f1": lambda scores, labels: metrics.image_f1(scores > threshold, labels),
        "f1_at_half": lambda scores, labels: metrics.image_f1(scores > PROTOCOL_THRESHOLD, labels),
        "accuracy_at_half": lambda scores, labels: metrics.accuracy(scores > PROTOCOL_THRESHOLD, labels),
        "detection_at_5_percent": lambda scores, labels: metrics.detection_rate(scores, labels, FALSE_ALARMS),
        "calibration_error": metrics.expected_calibration_error,
    }
    return {name: _needs_both_classes(compute) for name, compute in computed.items()}


def _needs_both_classes(compute: Statistic) -> Statistic:
    def computed(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]) -> float | None:
        return None if labels.all() or not labels.any() else compute(scores, labels)

    return computed


def _alarms(
    tampered: Sequence[Measured], authentic: Sequence[Measured], bootstrap: Bootstrap
) -> dict[str, Estimate | None]:
    def mean(part: Sequence[Measured], value: Callable[[Measured], float | None]) -> Estimate | None:
        told = [(number, m.group) for m in part if (number := value(m)) is not None]
        return bootstrap.mean([number for number, _ in told], [group for _, group in told])

    def flagged(m: Measured) -> float | None:
        return None if m.score is None else float(m.score > m.threshold)

    return {
        "detection_rate": mean(tampered, flagged),
        "false_alarm_rate": mean(authentic, flagged),
        "false_alarm_area": mean(authentic, lambda m: m.marked_fraction),
        "false_alarm_area_engine_threshold": mean(authentic, lambda m: m.mask_fraction),
    }


def _verdicts(part: Sequence[Measured]) -> dict[str, int]:
    return dict(sorted(Counter(m.verdict for m in part).items()))


def _distinct(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
