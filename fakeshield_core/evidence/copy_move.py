"""Copy-move: does an area of the picture occur in it a second time, where, and how far away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from fakeshield_core.domain import BoolMask, EvidenceItem, JsonValue, Layer, Plane, Region
from fakeshield_core.evidence.contrast import Labels
from fakeshield_core.evidence.copies import Copies, sized
from fakeshield_core.evidence.level_test import place_words

NAME, TITLE = "copy_move", "Copied areas"
LEAST_OVERLAP = 0.2  # of a region or of the copied area: the two belong together
GRIDS = ("copied_first", "copied_second")
LEAST_SCALING, LEAST_TURN_DEGREES = 0.03, 2.0  # changes worth telling
DRAWN_PAIRS = 60  # lines of the layer
TOLD_PAIRS = 20  # pairs written into the numbers
AREA_VALUE, LINE_VALUE = 0.6, 1.0  # of the layer
CANNOT_SHOW = (
    "A match cannot show which of two equal areas is the original (where the map marks only one, the engine "
    "chose), and patterns that repeat by nature, such as windows or tiles, also match."
)
NOTHING = "No area of the picture was found in it a second time."
FEW = (
    "{pairs} places look like other places of the picture and agree on one movement: too few to call an area "
    "copied."
)
FOUND = (
    "{pairs} places in one area look like places {distance} pixels away and agree on one movement{change}; "
    "the pixels of the two areas correlate at {correlation:.2f}."
)
POINTS = (
    "{place} holds something that occurs twice in the picture: {pairs} places look like places {distance} "
    "pixels away and agree on one movement{change}, and the pixels of the two correlate at {correlation:.2f}."
)
OTHER = "{place} holds the same, {distance} pixels away."


def copy_move_item(copies: Copies | None) -> EvidenceItem:
    """The item of the whole picture, before any region is known."""
    if copies is None:
        return EvidenceItem(NAME, TITLE, "no_difference", "None found", NOTHING, CANNOT_SHOW, {"pairs": 0})
    numbers = _numbers(copies)
    if not copies.clear:
        shows = FEW.format(pairs=len(copies.pairs))
        return EvidenceItem(
            NAME, TITLE, "no_difference", "None clear", shows, CANNOT_SHOW, numbers, layer=NAME
        )
    headline = f"{len(copies.pairs)} pairs"
    shows = FOUND.format(**_words(numbers))
    return EvidenceItem(NAME, TITLE, "informs", headline, shows, CANNOT_SHOW, numbers, layer=NAME)


def copy_move_layer(copies: Copies, height: int, width: int) -> Layer:
    """Both areas and lines between matched places, (height, width) of the picture, 0..1."""
    first, second = copies.areas(height, width)
    values = np.where(first | second, np.float32(AREA_VALUE), np.float32(0))
    ends = np.rint(copies.pairs / copies.scale).astype(int)
    thick = max(1, round(max(height, width) / 700))
    for x0, y0, x1, y1 in ends[:: max(1, len(ends) // DRAWN_PAIRS)].tolist():
        cv2.line(values, (x0, y0), (x1, y1), LINE_VALUE, thick)
    return Layer(NAME, TITLE, values, "area or match", 1.0)


def copy_grids(copies: Copies) -> dict[str, Plane]:
    """What `compared` needs of clear copies: both areas at working size, 1 inside."""
    if not copies.clear:
        return {}
    areas = (copies.first, copies.second)
    return {name: area.astype(np.float32) for name, area in zip(GRIDS, areas, strict=True)}


def compared(
    item: EvidenceItem, grids: Mapping[str, Plane], labels: Labels, regions: Sequence[Region]
) -> EvidenceItem:
    """The item with a row for each region that one of the two areas belongs to.

    Args:
        item: of `copy_move_item`.
        grids: with those of `copy_grids`; without them the item comes back as it is.
        labels: (H, W), region ids; 0 = outside.
        regions: those to compare.
    """
    if not all(name in grids for name in GRIDS):
        return item
    areas = [sized(grids[name] > 0, *labels.shape) for name in GRIDS]
    told = _words(item.numbers)
    rows: list[dict[str, JsonValue]] = []
    for region in regions:
        if any(_belongs(labels == region.id, area) for area in areas):
            pattern = OTHER if rows else POINTS
            text = pattern.format(place=place_words(region.id, regions), **told)
            effect = float(told["pairs"])
            text = text[0].upper() + text[1:]
            rows.append(
                {"region_id": region.id, "outcome": "copied", "effect": effect, "reason": "", "text": text}
            )
    if not rows:
        return item
    return replace(
        item,
        status="points_to_region",
        shows=str(rows[0]["text"]),
        numbers={**item.numbers, "regions": [dict(row) for row in rows]},
        region_id=next(region.id for region in regions if region.id == rows[0]["region_id"]),
    )


def _belongs(inside: BoolMask, area: BoolMask) -> bool:
    shared = float(np.count_nonzero(inside & area))
    smaller = min(np.count_nonzero(inside), np.count_nonzero(area))
    return bool(smaller and shared / smaller >= LEAST_OVERLAP)


def _numbers(copies: Copies) -> dict[str, JsonValue]:
    ends = np.rint(copies.pairs / copies.scale).astype(int)
    return {
        "pairs": len(copies.pairs),
        "offset_xy": list(copies.offset_xy),
        "correlation": round(copies.correlation, 3),
        "magnification": round(copies.magnification, 3),
        "turn_degrees": round(copies.turn_degrees, 1),
        "matched": ends[:: max(1, len(ends) // TOLD_PAIRS)][:TOLD_PAIRS].tolist(),
    }


@dataclass(frozen=True, slots=True)
class Told:
    """What sentences about copies quote."""

    pairs: int
    distance: int  # picture pixels
    correlation: float  # 0..1
    scaled_to: str | None  # "1.20"; None where the copy is about as large
    turned_by: str | None  # degrees, "20"; None where it is about upright

    @classmethod
    def of(cls, numbers: Mapping[str, JsonValue]) -> Told:
        """From the numbers of an item with pairs."""
        magnification, turn = (float(str(numbers[name])) for name in ("magnification", "turn_degrees"))
        offset = numbers["offset_xy"]
        across, down = offset if isinstance(offset, list) else (0, 0)
        return cls(
            pairs=int(str(numbers["pairs"])),
            distance=round(float(np.hypot(float(str(across)), float(str(down))))),
            correlation=round(float(str(numbers["correlation"])), 2),
            scaled_to=f"{magnification:.2f}" if abs(magnification - 1) > LEAST_SCALING else None,
            turned_by=f"{abs(turn):.0f}" if abs(turn) > LEAST_TURN_DEGREES else None,
        )


def _words(numbers: Mapping[str, JsonValue]) -> dict[str, int | float | str]:
    """What the sentences quote, from `_numbers`."""
    told = Told.of(numbers)
    changes = [f"scaled to {told.scaled_to}"] if told.scaled_to else []
    changes += [f"turned by {told.turned_by}°"] if told.turned_by else []
    return {
        "pairs": told.pairs,
        "distance": told.distance,
        "change": f" ({', '.join(changes)})" if changes else "",
        "correlation": told.correlation,
    }
