"""What error level and noise have in common: a level per block, compared region by region, told in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fakeshield_core.domain import EvidenceItem, EvidenceStatus, JsonValue, Layer, Plane, Region
from fakeshield_core.evidence.blocks import BLOCK_PX, Sampling
from fakeshield_core.evidence.contrast import PATCH_BLOCKS, Contrast, Labels, Limits, contrasts

NOT_MEASURED = "Not measured"


@dataclass(frozen=True, slots=True)
class LevelTest:
    """One test. Patterns may use {place}, {ratio}, {inside}, {expected}, {spread}; `whole` uses {level}."""

    name: str
    title: str
    limits: Limits  # of a claim
    display_max: float  # grey levels, drawn as the strongest colour
    whole: str  # sentence about the whole picture
    higher: str  # the region's level is `ratio` times the expected one
    lower: str
    beside_zero: str  # the expected level is about zero, so there is no ratio
    same: str
    cannot_show: str
    numbers: Mapping[str, JsonValue] = field(default_factory=dict)  # constants that the sentences quote


def level_words(level: float, largest: float | None = None) -> str:
    """A level in grey levels: "2.04", "12.3", "0.018".

    Args:
        largest: of the levels it is told beside; None: it is told alone.
    """
    digits = 1 if level >= 10 else 3 if 0 < (level if largest is None else largest) < 0.0995 else 2
    return f"{level:.{digits}f}"


def levels_words(inside: float, expected: float, spread: float) -> dict[str, str]:
    """The levels of one comparison as they fill a sentence, told with the digits of the larger level."""
    levels = {"inside": inside, "expected": expected, "spread": spread}
    return {name: level_words(level, max(inside, expected)) for name, level in levels.items()}


def ratio_words(ratio: float) -> str:
    """A ratio: "1.4", "0.58", "12"."""
    if ratio < 0.995:
        return f"{ratio:.2f}"
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}"


def place_words(region_id: int, regions: Sequence[Region]) -> str:
    """How a sentence names a region: "the marked area" where there is but one, else "region 2"."""
    return "the marked area" if len(regions) == 1 else f"region {region_id}"


def too_small(test: LevelTest) -> EvidenceItem:
    """The item of a picture without a single block."""
    shows = f"Could not be measured: the picture is smaller than {BLOCK_PX} × {BLOCK_PX} pixels."
    numbers: dict[str, JsonValue] = {"block_px": BLOCK_PX}
    return EvidenceItem(test.name, test.title, "not_measured", NOT_MEASURED, shows, test.cannot_show, numbers)


def whole_item(test: LevelTest, levels: Plane, sampling: Sampling) -> EvidenceItem:
    """The item of the whole picture, before any region is known.

    Args:
        test: which one.
        levels: (h, w) block levels, grey levels; not empty.
        sampling: which blocks they are.
    """
    typical = round(float(np.median(levels)), 3)
    words = level_words(typical)
    return EvidenceItem(
        name=test.name,
        title=test.title,
        status="informs",
        headline=f"{words} levels",
        shows=test.whole.format(level=words),
        cannot_show=test.cannot_show,
        numbers={
            "median": typical,
            "blocks": int(levels.size),
            "block_px": BLOCK_PX,
            "measured_share": round(1 / sampling.step**2, 3),
            "patch_px": BLOCK_PX * PATCH_BLOCKS,
            "least_effect": test.limits.effect,
            **test.numbers,
        },
        layer=test.name,
    )


def layer_of(test: LevelTest, levels: Plane, sampling: Sampling) -> Layer:
    """The picture-sized view of the block levels."""
    return Layer(test.name, test.title, sampling.spread(levels), "grey levels", test.display_max)


def compared_item(
    test: LevelTest,
    item: EvidenceItem,
    grids: Mapping[str, Plane],
    labels: Labels,
    regions: tuple[Region, ...],
) -> EvidenceItem:
    """The item with inside against outside, the strongest region in its headline and sentence.

    `numbers["regions"]` holds `Contrast.to_json` of each region, and its sentence as `text`.

    Raises:
        MaskShapeMismatch: the labels do not belong to the picture that was measured.
    """
    return told_item(test, item, contrasts(grids[test.name], grids, labels, regions, test.limits), regions)


def told_item(
    test: LevelTest, item: EvidenceItem, found: Sequence[Contrast], regions: Sequence[Region]
) -> EvidenceItem:
    """The item with these contrasts; a claimed difference outweighs a larger one that is not claimed.

    Args:
        test: which one.
        item: of `whole_item`.
        found: one for each region, at least one.
        regions: as many as `found`.
    """
    texts = [sentence(test, contrast, place_words(contrast.region_id, regions)) for contrast in found]
    rows: list[JsonValue] = [{**c.to_json(), "text": text} for c, text in zip(found, texts, strict=True)]
    claimed = [i for i, contrast in enumerate(found) if contrast.outcome in ("higher", "lower")]
    measured = [i for i, contrast in enumerate(found) if contrast.outcome != "not_measured"]
    status: EvidenceStatus = (
        "points_to_region" if claimed else "no_difference" if measured else "not_measured"
    )
    shown = max(claimed or measured or [0], key=lambda i: found[i].effect or 0.0)
    return replace(
        item,
        status=status,
        headline=_headline(found[shown]),
        shows=texts[shown],
        numbers={**item.numbers, "regions": rows},
        region_id=found[shown].region_id if claimed else None,
    )


def sentence(test: LevelTest, contrast: Contrast, place: str) -> str:
    """One region's result in words, its numbers rounded as in `Contrast.to_json`."""
    if contrast.outcome == "not_measured":
        return f"Could not be measured in {place}: {contrast.reason}."
    pattern = {"higher": test.higher, "lower": test.lower, "same": test.same}[contrast.outcome]
    if contrast.ratio is None and contrast.outcome != "same":
        pattern = test.beside_zero
    text = pattern.format(place=place, ratio=ratio_words(_rounded(contrast.ratio)), **_levels(contrast))
    return text[0].upper() + text[1:]


def _headline(contrast: Contrast) -> str:
    if contrast.outcome == "not_measured":
        return NOT_MEASURED
    if contrast.ratio is None:
        return f"{_rounded(contrast.inside):.2f} vs {_rounded(contrast.expected):.2f}"  # a tile is narrow
    return f"{ratio_words(_rounded(contrast.ratio))} ×"


def _levels(contrast: Contrast) -> dict[str, str]:
    return levels_words(*map(_rounded, (contrast.inside, contrast.expected, contrast.spread)))


def _rounded(value: float | None) -> float:
    return 0.0 if value is None else round(value, 3)
