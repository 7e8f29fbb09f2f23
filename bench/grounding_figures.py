"""What was said about forgeries, and the figures made of it: shares with intervals by scene."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.grounding_places import lies_where
from fakeshield_core.domain import BoolMask, FindingKind, JsonValue
from fakeshield_core.evaluate_figures import Bootstrap, Estimate
from fakeshield_core.picture import Picture

Figure: TypeAlias = tuple[str, Estimate | None, float | None]  # what, measured, goal

STATED_RIGHT, PLACE_RIGHT = 0.7, 0.9  # goals
FOUND_IOU = 0.3  # from here on the engine's area counts as the forged one


@dataclass(frozen=True, slots=True)
class Forgery:
    """One forgery as a file, with its truth."""

    picture: Picture
    truth: BoolMask  # (H, W), the largest forged area
    kind: FindingKind
    group: str
    source: str  # "photographs" or "scenes"


@dataclass(frozen=True, slots=True)
class Kind:
    """What was read as the kind of one area."""

    likeliest: FindingKind | None  # None: it could not be read
    stated: FindingKind
    probability: float  # of the likeliest


@dataclass(frozen=True, slots=True)
class Grounded:
    """What was said about one forgery."""

    forgery: Forgery
    with_truth: Kind
    with_mask: Kind | None  # None: without an engine
    finding: FindingKind | None  # of the engine; None: it gave none, for want of the verdict *tampered*
    mask_iou: float  # of the engine's largest area with the truth
    where: str
    place_is_right: bool
    claims: tuple[
        tuple[str, bool], ...
    ]  # kind, and whether it points at a forged region of the engine's mask
    beside_decoy: tuple[tuple[str, bool], ...]  # the same where the choice is truth or decoy


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the table."""

    source: str
    what: str
    estimate: Estimate | None
    goal: float | None = None


def rows_of(grounded: Sequence[Grounded], bootstrap: Bootstrap) -> Iterator[Row]:
    """The figures, source by source."""
    for source in dict.fromkeys(each.forgery.source for each in grounded):
        part = [each for each in grounded if each.forgery.source == source]
        for what, estimate, goal in (*_kinds(part, bootstrap), *_places(part, bootstrap)):
            yield Row(source, what, estimate, goal)
        yield from _claim_rows(source, "claims on a forged region, engine's mask", part, "claims", bootstrap)
        yield from _claim_rows(
            source, "claims on the true area beside a decoy", part, "beside_decoy", bootstrap
        )


def _kinds(part: Sequence[Grounded], bootstrap: Bootstrap) -> Iterator[Figure]:
    yield from _kind_rows("true area", [(g, g.with_truth) for g in part], bootstrap)
    marked = [(g, g.with_mask) for g in part if g.with_mask is not None]
    if not marked:
        return
    told = [g for g in part if g.finding not in (None, "unknown")]
    yield _share(
        "engine's findings: stated kind right", told, lambda g: g.finding == g.forgery.kind, bootstrap
    )
    yield _share("engine's findings: a finding is given", part, lambda g: g.finding is not None, bootstrap)
    yield _share(
        "engine's findings: its kind is stated", part, lambda g: g.finding not in (None, "unknown"), bootstrap
    )
    yield from _kind_rows("engine's area", marked, bootstrap)
    what = f"engine's area: IoU with the true one at least {FOUND_IOU}"
    yield _share(what, part, lambda g: g.mask_iou >= FOUND_IOU, bootstrap)
    found = [(g, kind) for g, kind in marked if g.mask_iou >= FOUND_IOU]
    yield from _kind_rows("engine's area where found", found, bootstrap)


def _places(part: Sequence[Grounded], bootstrap: Bootstrap) -> Iterator[Figure]:
    what, estimate, _ = _share("place right, true area", part, lambda g: g.place_is_right, bootstrap)
    yield what, estimate, PLACE_RIGHT
    swapped = dict(zip(map(id, part), (*part[1:], *part[:1]), strict=True))
    yield _share(
        "the same with the words of the next forgery",  # how lax the judge is
        part,
        lambda g: lies_where(g.forgery.truth, swapped[id(g)].where),
        bootstrap,
    )


def _share(
    what: str, part: Sequence[Grounded], holds: Callable[[Grounded], bool], bootstrap: Bootstrap
) -> Figure:
    goal = STATED_RIGHT if what.endswith("stated kind right") else None
    return what, bootstrap.mean([float(holds(g)) for g in part], [g.forgery.group for g in part]), goal


def _kind_rows(area: str, read: Sequence[tuple[Grounded, Kind]], bootstrap: Bootstrap) -> Iterator[Figure]:
    groups = [g.forgery.group for g, _ in read]
    stated = [(g, kind) for g, kind in read if kind.stated != "unknown"]
    right = [float(kind.stated == g.forgery.kind) for g, kind in stated]
    yield (
        f"{area}: stated kind right",
        bootstrap.mean(right, [g.forgery.group for g, _ in stated]),
        STATED_RIGHT,
    )
    yield (
        f"{area}: a kind is stated",
        bootstrap.mean([float(k.stated != "unknown") for _, k in read], groups),
        None,
    )
    likeliest = [float(kind.likeliest == g.forgery.kind) for g, kind in read]
    yield f"{area}: likeliest kind right", bootstrap.mean(likeliest, groups), None


def _claim_rows(
    source: str, what: str, part: Sequence[Grounded], which: str, bootstrap: Bootstrap
) -> Iterator[Row]:
    told = [(kind, on, g.forgery.group) for g in part for kind, on in getattr(g, which)]
    for name in ("all", *dict.fromkeys(kind for kind, _, _ in told)):
        chosen = [(float(on), group) for kind, on, group in told if name in ("all", kind)]
        if chosen:
            yield Row(
                source, f"{what}: {name}", bootstrap.mean([on for on, _ in chosen], [g for _, g in chosen])
            )


def confusion(grounded: Iterable[Grounded]) -> dict[str, JsonValue]:
    """How often each true kind was stated as each, with the true area."""
    counts = Counter((g.forgery.kind, g.with_truth.stated) for g in grounded)
    return {f"{kind} stated as {stated}": number for (kind, stated), number in sorted(counts.items())}
