"""Results region by region: rows of an item, and what they make of the item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fakeshield_core.domain import EvidenceItem, EvidenceStatus, JsonValue, Layer, Plane
from fakeshield_core.evidence.contrast import REASONS, why_not_numbers
from fakeshield_core.evidence.level_test import NOT_MEASURED

SAME, UNMEASURED = "same", "not_measured"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a test says about the whole picture."""

    item: EvidenceItem
    layer: Layer | None = None
    grids: Mapping[str, Plane] = field(default_factory=dict)  # what its comparison needs; none: no comparison


@dataclass(frozen=True, slots=True)
class RegionRow:
    """What a test says about one region."""

    region_id: int
    outcome: str  # SAME, UNMEASURED, or the test's word for a region that it singles out
    text: str  # one sentence, its first letter may be small
    headline: str = NOT_MEASURED
    effect: float | None = None  # 0 or more; what confidence is read from
    reason: str = ""  # why it was not measured, for people
    numbers: Mapping[str, JsonValue] = field(default_factory=dict)  # all the sentence quotes

    @property
    def claims(self) -> bool:
        """Whether it singles the region out."""
        return self.outcome not in (SAME, UNMEASURED)

    def to_json(self) -> dict[str, JsonValue]:
        """As kept in `EvidenceItem.numbers`."""
        return {
            "region_id": self.region_id,
            "outcome": self.outcome,
            "effect": None if self.effect is None else round(self.effect, 3),
            **self.numbers,
            "reason": self.reason,
            "text": self.text[0].upper() + self.text[1:],
        }


def unmeasured(region_id: int, place: str, code: str) -> RegionRow:
    """The row of a region that cannot be compared, for a reason of `contrast.REASONS`."""
    reason = REASONS[code]
    text = f"could not be measured in {place}: {reason}."
    return RegionRow(region_id, UNMEASURED, text, reason=reason, numbers=why_not_numbers(code))


def told(item: EvidenceItem, rows: Sequence[RegionRow]) -> EvidenceItem:
    """The item with its rows, the clearest region in headline and sentence.

    Args:
        item: of the whole picture.
        rows: one for each region, at least one.
    """
    claimed = [row for row in rows if row.claims]
    measured = [row for row in rows if row.outcome != UNMEASURED]
    status: EvidenceStatus = (
        "points_to_region" if claimed else "no_difference" if measured else "not_measured"
    )
    shown = max(claimed or measured or rows, key=lambda row: row.effect or 0.0)
    results = [row.to_json() for row in rows]
    return replace(
        item,
        status=status,
        headline=shown.headline,
        shows=str(shown.to_json()["text"]),
        numbers={**item.numbers, "regions": [dict(result) for result in results]},
        region_id=shown.region_id if claimed else None,
    )
