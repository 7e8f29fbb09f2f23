"""Figures of simulated clicks: how many were needed, where they failed, and what harm one click did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fakeshield_core import metrics
from fakeshield_core.clicks import DROP, Simulation, noc
from fakeshield_core.domain import Click, JsonValue
from fakeshield_core.evaluate_figures import Bootstrap, Estimate
from fakeshield_core.evaluate_report import estimate_json, estimate_text, table
from fakeshield_core.manifest import ManifestRow

Start = Literal["zero", "mask"]  # nothing marked, or the engine's own mask

TARGETS = (0.85, 0.90)  # of IoU
POOLED = "all"
OUTLINED, SHAPELESS = "outlined", "shapeless"  # see `clicks_shape`
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Clicked:
    """One picture clicked by the simulated annotator with one method."""

    row: ManifestRow
    method: str
    start: Start
    outlined: bool
    clicks: tuple[Click, ...]
    ious: tuple[float, ...]  # before the first click, then after each
    limit: int  # clicks the annotator had
    cpu_s: float  # CPU-seconds of the method for all its clicks

    def noc(self, target_iou: float) -> int:
        """Clicks needed, the limit where the IoU was not reached."""
        return noc(self.ious, target_iou, self.limit)

    def fails(self, target_iou: float) -> bool:
        """True where the IoU was not reached."""
        return max(self.ious) < target_iou

    @property
    def drops(self) -> tuple[float, ...]:
        """By how much each click lowered IoU."""
        return Simulation(self.clicks, self.ious, np.zeros((0, 0), np.bool_)).drops


@dataclass(frozen=True, slots=True)
class Figures:
    """A method from one start on one part of the pictures; intervals by group."""

    method: str
    start: Start
    part: str  # a data set, "all", "outlined" or "shapeless"
    pictures: int
    clicks: int  # of all pictures
    start_iou: Estimate | None
    noc: Mapping[float, Estimate | None]  # by target
    failures: Mapping[float, int]  # pictures that did not reach it
    worst_drop: float  # of IoU by one click
    share_of_drops: Estimate | None  # clicks that lower IoU by more than 0.02, of all clicks
    click_cpu_s: float | None  # CPU-seconds for one click, mean; None without clicks


def figures(clicked: Sequence[Clicked], bootstrap: Bootstrap) -> tuple[Figures, ...]:
    """For each method and start: each data set, then all together, then by outline."""
    pairs = dict.fromkeys((c.method, c.start) for c in clicked)
    return tuple(
        _figures(part, name, bootstrap)
        for method, start in pairs
        for name, part in _parts([c for c in clicked if (c.method, c.start) == (method, start)])
    )


def saving(
    fewer: Sequence[Clicked], more: Sequence[Clicked], target_iou: float, bootstrap: Bootstrap
) -> Estimate | None:
    """Share of clicks saved: 1 - mean clicks of `fewer` / mean clicks of `more`, on the pictures of both.

    Negative where `fewer` needs more. None without pictures, or where `more` needs no click at all.
    """
    others = {c.row.name: c.noc(target_iou) for c in more}
    pairs = [(c.noc(target_iou), others[c.row.name], c.row.group) for c in fewer if c.row.name in others]
    if not pairs or not any(other for _, other, _ in pairs):
        return None
    own, other = (np.array([pair[n] for pair in pairs], np.float64) for n in (0, 1))
    groups = [group for _, _, group in pairs]
    value = 1 - float(own.sum() / other.sum())
    if len(set(groups)) < 2:
        return Estimate(value, None, None, len(pairs))
    draws = metrics.group_resamples(groups, bootstrap.seed, bootstrap.resamples)
    resampled = [1 - own[drawn].sum() / other[drawn].sum() for drawn in draws if other[drawn].any()]
    interval = metrics.percentile_interval(resampled)
    return Estimate(value, interval.low, interval.high, len(pairs))


def figures_to_json(found: Sequence[Figures]) -> list[JsonValue]:
    """A list of objects, one for each method, start and part."""
    return [
        {
            "method": f.method,
            "from": f.start,
            "part": f.part,
            "pictures": f.pictures,
            "clicks": f.clicks,
            "start_iou": estimate_json(f.start_iou),
            **{f"noc_{round(100 * target)}": estimate_json(f.noc[target]) for target in TARGETS},
            **{f"failures_{round(100 * target)}": f.failures[target] for target in TARGETS},
            "worst_drop": round(f.worst_drop, DIGITS),
            "share_of_drops": estimate_json(f.share_of_drops),
            "click_cpu_s": None if f.click_cpu_s is None else round(f.click_cpu_s, DIGITS),
        }
        for f in found
    ]


def pictures_to_json(clicked: Sequence[Clicked]) -> list[JsonValue]:
    """A list of objects, one for each picture, method and start; clicks as [x, y, 1 positive or 0]."""
    return [
        {
            "path": c.row.name,
            "dataset": c.row.dataset,
            "group": c.row.group,
            "method": c.method,
            "from": c.start,
            "outlined": c.outlined,
            "ious": [round(iou, DIGITS) for iou in c.ious],
            "clicks": [[click.x, click.y, int(click.positive)] for click in c.clicks],
        }
        for c in clicked
    ]


def figures_to_text(found: Sequence[Figures]) -> str:
    """A table for people."""
    header = (
        *("method", "from", "part", "n", "start IoU"),
        *(f"NoC@{round(100 * target)}" for target in TARGETS),
        *(f"failed@{round(100 * target)}" for target in TARGETS),
        *("worst drop", f"drops > {DROP}", "CPU-s a click"),
    )
    return "\n".join(table(header, [_row(f) for f in found]))


def _parts(clicked: Sequence[Clicked]) -> Iterator[tuple[str, Sequence[Clicked]]]:
    datasets = list(dict.fromkeys(c.row.dataset for c in clicked))
    if len(datasets) > 1:
        yield from ((name, [c for c in clicked if c.row.dataset == name]) for name in datasets)
    yield POOLED, clicked
    for name, outlined in ((OUTLINED, True), (SHAPELESS, False)):
        part = [c for c in clicked if c.outlined is outlined]
        if part:
            yield name, part


def _figures(part: Sequence[Clicked], name: str, bootstrap: Bootstrap) -> Figures:
    groups = [c.row.group for c in part]
    drops = [(drop, c.row.group) for c in part for drop in c.drops]
    clicks = sum(len(c.clicks) for c in part)
    return Figures(
        method=part[0].method,
        start=part[0].start,
        part=name,
        pictures=len(part),
        clicks=clicks,
        start_iou=bootstrap.mean([c.ious[0] for c in part], groups),
        noc={target: bootstrap.mean([c.noc(target) for c in part], groups) for target in TARGETS},
        failures={target: sum(c.fails(target) for c in part) for target in TARGETS},
        worst_drop=max((drop for drop, _ in drops), default=0.0),
        share_of_drops=bootstrap.mean(
            [float(drop > DROP) for drop, _ in drops], [group for _, group in drops]
        ),
        click_cpu_s=sum(c.cpu_s for c in part) / clicks if clicks else None,
    )


def _row(f: Figures) -> tuple[str, ...]:
    return (
        *(f.method, f.start, f.part, str(f.pictures), estimate_text(f.start_iou)),
        *(estimate_text(f.noc[target]) for target in TARGETS),
        *(str(f.failures[target]) for target in TARGETS),
        *(f"{f.worst_drop:.3f}", estimate_text(f.share_of_drops)),
        "-" if f.click_cpu_s is None else f"{f.click_cpu_s:.3f}",
    )
