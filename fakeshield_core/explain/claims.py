"""Compared evidence to claims: one for each region where a level differs, one for each notable file fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fakeshield_core.domain import Claim, Evidence, EvidenceItem, JsonValue, Region
from fakeshield_core.explain.offsets import Offsets, moved

# Effects and the confidence at each, linear between them and flat outside: the share of forged ones among
# regions of such an effect, were forged and untouched regions equally frequent. True regions of 320 forgeries
# against 1,205 random regions and 218 object outlines of unedited photographs (half the weight each), all of
# the training pool, as it is and at quality 85, 2026-11-25. Where the share fell with a rising effect,
# neighbours were pooled. Copied areas: 308 pictures with a copy-move against 696 untouched ones with 12,
# 16, 24 and 40 agreeing pairs or more, same pool at quality 85, `python -m bench.copies`, same date.
# Earlier compressions, regions as above, those beyond the limit of a claim: ghosts, 66 of 610 forged, 4 of
# 2,168 random, 21 of 278 objects, without a slope; grid, as they are, 9 of 951 forged, 0 of 1,912 random, 0
# of 418 objects, too few for a slope; double quantisation, 77 of 898 forged, 8 of 3,160 random, 0 of 296
# objects. In grid and double quantisation one more untouched region of each kind is counted.
CONFIDENCE: Mapping[str, tuple[Sequence[float], Sequence[float]]] = {
    "error_level": ((1.5, 2.25, 6.0), (0.78, 0.85, 0.95)),
    "noise": ((1.8, 2.5), (0.75, 0.77)),
    "ghosts": ((2.6,), (0.74,)),
    "grid": ((6.0,), (0.87,)),
    "double_quantisation": ((2.0, 5.0), (0.90, 0.97)),
    "copy_move": ((14.0, 20.0, 32.0, 60.0), (0.88, 0.88, 0.97, 0.99)),
}

NONE_LEARNT: Offsets = {}
CLAIMED = ("higher", "lower", "copied", "ghost", "shifted", "once")  # outcomes that single a region out
WORDS = ("text", "reason", "outcome")  # of a region's row, told by the claim itself


def claims_from(
    evidence: Evidence, regions: Sequence[Region], offsets: Offsets = NONE_LEARNT
) -> tuple[Claim, ...]:
    """What the measurements support, most confident first, numbered c1, c2, ...

    Args:
        evidence: of `evidence.compare` with these regions.
        regions: a claim about any other region is left out.
        offsets: what ratings taught; a claim that one moves holds it as `confidence_offset`.
    """
    known = {region.id for region in regions}
    found = [
        _region_claim(item, row, offsets.get(item.name, 0.0))
        for item in evidence.items
        for row in region_rows(item)
        if row["outcome"] in CLAIMED and row["region_id"] in known
    ]
    found.sort(key=_strength, reverse=True)
    found += [_file_claim(item) for item in evidence.items if item.numbers.get("notable") is True]
    return tuple(replace(claim, id=f"c{number}") for number, claim in enumerate(found, start=1))


def confidence_of(kind: str, effect: float) -> float | None:
    """How often a region with such an effect was forged, 0..1; None for a kind that was not calibrated."""
    if kind not in CONFIDENCE:
        return None
    effects, confidences = CONFIDENCE[kind]
    return round(float(np.interp(effect, effects, confidences)), 2)


def region_rows(item: EvidenceItem) -> list[dict[str, JsonValue]]:
    """The item's results region by region; empty before `compare`, and for tests of the whole file."""
    rows = item.numbers.get("regions")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def row_of(item: EvidenceItem, region_id: int) -> dict[str, JsonValue]:
    """The item's result for one region.

    Raises:
        KeyError: it has none.
    """
    return {row["region_id"]: row for row in region_rows(item)}[region_id]


def _strength(claim: Claim) -> tuple[float, float]:
    effect = claim.evidence["effect"]
    return claim.confidence or 0.0, effect if isinstance(effect, float) else 0.0


def _region_claim(item: EvidenceItem, row: Mapping[str, JsonValue], offset: float) -> Claim:
    region_id, effect = row["region_id"], row["effect"]
    constants = {name: value for name, value in item.numbers.items() if name != "regions"}
    if offset:
        constants["confidence_offset"] = offset
    return Claim(
        id="",
        text=str(row["text"]),
        kind=item.name,
        region_id=region_id if isinstance(region_id, int) else None,
        evidence={**constants, **{name: value for name, value in row.items() if name not in WORDS}},
        confidence=moved(confidence_of(item.name, effect), offset) if isinstance(effect, float) else None,
    )


def _file_claim(item: EvidenceItem) -> Claim:
    return Claim("", item.shows, item.name, None, item.numbers, None)
