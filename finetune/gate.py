"""The gate: may a challenger take the champion's place? Pure: figures in, a sentence and its numbers out.

Its limits and their power are in docs/GATE.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from fakeshield_core.domain import JsonValue
from fakeshield_core.metrics import Interval, bootstrap_interval, expected_calibration_error

GROUPS = 60  # held-out groups that a target or a domain needs
DOMAIN_LOSS = 3.0  # points pixel F1 a domain may lose
BASE_PICTURES = 300
BASE_LOSS = -3.0  # points; the one-sided lower bound of the base set may not lie below
AUTHENTIC = 400  # crops
ALARM_RISE = 0.02  # share of them
CALIBRATION_RISE = 0.02  # of the expected calibration error
ROUNDING = 1e-9  # 0.07 - 0.05 is 0.020000000000000004
CONFIDENCE = 0.95
RESAMPLES = 4000
SEED = 20251


@dataclass(frozen=True, slots=True)
class Pairs:
    """Both engines on the same tampered pictures."""

    groups: Sequence[str]  # scene group of each picture
    champion: Sequence[float]  # pixel F1 in points, 0..100
    challenger: Sequence[float]

    @property
    def count(self) -> int:
        """How many groups."""
        return len(set(self.groups))


@dataclass(frozen=True, slots=True)
class Scores:
    """Both engines' image-level scores of the same pictures."""

    truth: Sequence[bool]  # True = tampered
    champion: Sequence[float]  # 0..1
    challenger: Sequence[float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything the gate looks at."""

    target: Pairs  # what the corrections are about
    domains: Mapping[str, Pairs]
    base: Pairs  # pooled
    alarms: Sequence[tuple[bool, bool]]  # (champion, challenger) of each authentic crop
    calibration: Scores


@dataclass(frozen=True, slots=True)
class GateResult:
    """The decision. `sentence` is for people; `figures` are all its numbers."""

    passed: bool
    sentence: str
    refusals: tuple[str, ...]  # the reasons of the sentence, one each
    figures: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Change:
    """Mean change of paired values, with its bounds by bootstrap over groups."""

    mean: float
    two_sided: Interval  # 95 %
    one_sided: Interval  # each bound alone holds with 95 %
    groups: int

    def to_json(self) -> dict[str, JsonValue]:
        """Numbers rounded to two digits."""
        return {
            "mean": round(self.mean, 2),
            "interval": [round(bound, 2) for bound in self.two_sided],
            "one_sided": [round(bound, 2) for bound in self.one_sided],
            "groups": self.groups,
        }


def judge(comparison: Comparison) -> GateResult:
    """Passes a challenger that gains on the target and is worse nowhere."""
    refusals: list[str] = []
    figures: dict[str, JsonValue] = {}
    gain = _target(comparison.target, refusals, figures)
    _domains(comparison.domains, refusals, figures)
    _base(comparison.base, refusals, figures)
    _alarms(comparison.alarms, refusals, figures)
    _calibration(comparison.calibration, refusals, figures)
    sentence = (
        f"Refused: {'; '.join(refusals)}." if refusals else f"Passed: {gain}; all else is within its limits."
    )
    return GateResult(not refusals, sentence, tuple(refusals), figures)


def change(pairs: Pairs) -> Change:
    """Mean and bounds of challenger minus champion; at least one picture."""
    difference = np.subtract(pairs.challenger, pairs.champion)
    bounds = [
        bootstrap_interval(difference, list(pairs.groups), SEED, RESAMPLES, level)
        for level in (CONFIDENCE, 2 * CONFIDENCE - 1)
    ]
    return Change(float(difference.mean()), bounds[0], bounds[1], pairs.count)


def mcnemar(pairs: Sequence[tuple[bool, bool]]) -> float:
    """Exact two-sided p value of a difference between paired yes and no; 1.0 where none differ."""
    only_first = sum(first and not second for first, second in pairs)
    only_second = sum(second and not first for first, second in pairs)
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_second, only_first + only_second, 0.5).pvalue)


def _target(pairs: Pairs, refusals: list[str], figures: dict[str, JsonValue]) -> str:
    """Says what the target gains; refuses where that is not sure."""
    if pairs.count < GROUPS:
        figures["target"] = {"groups": pairs.count}
        refusals.append(
            f"too little data: {pairs.count} held-out groups of corrections, and {GROUPS} are needed"
        )
        return ""
    gained = change(pairs)
    figures["target"] = gained.to_json() | {
        "champion": _mean(pairs.champion),
        "challenger": _mean(pairs.challenger),
    }
    low, high = gained.two_sided
    sentence = (
        f"the target gains {gained.mean:+.1f} points pixel F1 (95 % interval {low:+.1f} to {high:+.1f}) on "
        f"{gained.groups} held-out groups"
    )
    if low <= 0:
        refusals.append(f"no sure gain, {sentence}")
    return sentence


def _domains(domains: Mapping[str, Pairs], refusals: list[str], figures: dict[str, JsonValue]) -> None:
    said: dict[str, JsonValue] = {}
    for name, pairs in sorted(domains.items()):
        moved = change(pairs)
        gated = moved.groups >= GROUPS
        said[name] = moved.to_json() | {"gated": gated}
        if gated and (moved.one_sided.high < 0 or moved.mean < -DOMAIN_LOSS):
            refusals.append(
                f"domain {name} changes by {moved.mean:+.1f} points pixel F1 (95 % sure to be below "
                f"{moved.one_sided.high:+.1f}) on {moved.groups} groups"
            )
    figures["domains"] = said


def _base(pairs: Pairs, refusals: list[str], figures: dict[str, JsonValue]) -> None:
    pictures = len(pairs.groups)
    if pictures < BASE_PICTURES:
        figures["base"] = {"pictures": pictures}
        refusals.append(f"the base set has {pictures} pictures, and {BASE_PICTURES} are needed")
        return
    moved = change(pairs)
    figures["base"] = moved.to_json() | {"pictures": pictures}
    if moved.one_sided.low < BASE_LOSS:
        refusals.append(
            f"the base set changes by {moved.mean:+.1f} points pixel F1, and is 95 % sure only to stay above "
            f"{moved.one_sided.low:+.1f} ({BASE_LOSS:+.0f} is needed), on {pictures} pictures"
        )


def _alarms(pairs: Sequence[tuple[bool, bool]], refusals: list[str], figures: dict[str, JsonValue]) -> None:
    if len(pairs) < AUTHENTIC:
        figures["alarms"] = {"crops": len(pairs)}
        refusals.append(f"there are {len(pairs)} authentic crops, and {AUTHENTIC} are needed")
        return
    before, after = (float(np.mean([pair[side] for pair in pairs])) for side in (0, 1))
    p = mcnemar(pairs)
    figures["alarms"] = {
        "crops": len(pairs),
        "champion": round(before, 4),
        "challenger": round(after, 4),
        "p": round(p, 4),
    }
    if after > before and (p < 1 - CONFIDENCE or after - before > ALARM_RISE + ROUNDING):
        refusals.append(
            f"false alarms rise from {before:.1%} to {after:.1%} of {len(pairs)} authentic crops "
            f"(p = {p:.3f})"
        )


def _calibration(scores: Scores, refusals: list[str], figures: dict[str, JsonValue]) -> None:
    before, after = (
        expected_calibration_error(side, list(scores.truth)) for side in (scores.champion, scores.challenger)
    )
    figures["calibration"] = {"champion": round(before, 4), "challenger": round(after, 4)}
    if after - before > CALIBRATION_RISE + ROUNDING:
        refusals.append(
            f"the calibration error rises from {before:.3f} to {after:.3f}, by more than {CALIBRATION_RISE}"
        )


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 2)
