"""The note: where, what was measured there, what showed nothing, what all this cannot show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from fakeshield_core.domain import Claim, Evidence, EvidenceItem, JsonValue, Region
from fakeshield_core.evidence.level_test import level_words, place_words
from fakeshield_core.explain.claims import region_rows

Rows: TypeAlias = Sequence[Mapping[str, JsonValue]]

FEW = 2  # regions that are told one by one
COUNTS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight")
UNEXPLAINED = "So no measurement here supports what is marked."
NOTHING_MARKED = "No area is marked, so there was nothing to compare with the rest of the picture."
FILE_LIMIT = "Such file facts also arise when an unchanged picture is saved again."
NOTHING_FOUND = "None of this points at an area, and edits that leave no such traces cannot be ruled out."


def compose(claims: Sequence[Claim], evidence: Evidence, regions: Sequence[Region]) -> str:
    """The sentences of `sentences` as one text."""
    return " ".join(sentences(claims, evidence, regions))


def sentences(claims: Sequence[Claim], evidence: Evidence, regions: Sequence[Region]) -> Iterator[str]:
    """The note sentence by sentence, made only of measurements.

    Args:
        claims: of `claims_from`, in their order.
        evidence: the compared evidence they were made from.
        regions: what is marked; none: the note tells of the whole picture.
    """
    yield where_words(regions) if regions else NOTHING_MARKED
    yield from (claim.text for claim in claims)
    told = {claim.kind for claim in claims if claim.region_id is None}
    rows = {item.name: region_rows(item) for item in evidence.items}
    yield from _without_result([item for item in evidence.items if rows[item.name]], rows, regions)
    if regions and not any(claim.region_id for claim in claims):
        yield UNEXPLAINED
    for item in evidence.items:
        if item.status == "informs" and not rows[item.name] and item.name not in told:
            yield item.shows
    yield from _limits(claims, evidence)
    if not regions:
        yield NOTHING_FOUND


def where_words(regions: Sequence[Region]) -> str:
    """Where and how large: "Two areas, the larger left of centre, together 2.5 % of the picture.".

    Args:
        regions: at least one, largest first.
    """
    share = percent_words(sum(region.area_fraction for region in regions))
    place = _in_place(regions[0].where)
    if len(regions) == 1:
        return f"One area {place}, {share} of the picture."
    largest = "larger" if len(regions) == 2 else "largest"
    return f"{COUNTS[len(regions)]} areas, the {largest} {place}, together {share} of the picture."


def percent_words(fraction: float) -> str:
    """A share of the picture: "34 %", "2.5 %", "0.04 %"."""
    percent = 100 * fraction
    digits = 0 if percent >= 9.95 else 1 if percent >= 0.095 else 2
    return f"{percent:.{digits}f} %"


def _in_place(where: str) -> str:
    """The words of `masks.where_in_picture` after "One area"."""
    if where.endswith("the picture"):
        return f"covering {where}"
    if where == "centre":
        return "in the centre"
    return f"at the {where}" if where.startswith(("top", "bottom", "far")) else where


def _without_result(
    items: Sequence[EvidenceItem], rows: Mapping[str, Rows], regions: Sequence[Region]
) -> Iterator[str]:
    """What was looked at and showed nothing; tests with the same outcome share a sentence.

    With more than FEW regions a list of them all would bury the findings: then one sentence tells of the
    tests that single no region out, and one of the regions where a test could not be measured.
    """
    alike: dict[tuple[int, ...], list[str]] = {}
    unmeasured: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for item in items:
        same = [row for row in rows[item.name] if row["outcome"] == "same"]
        if same and (len(regions) <= FEW or item.status != "points_to_region"):
            titles = alike.setdefault(_ids(same), [])
            titles.append(item.title + _levels(same, regions, with_unit=not titles))
        for reason in dict.fromkeys(str(row["reason"]) for row in rows[item.name] if row["reason"]):
            ids = _ids([row for row in rows[item.name] if row["reason"] == reason])
            unmeasured.setdefault((reason, ids), []).append(item.title)
    if len(regions) > FEW and len(alike) > 1:
        alike = {_union(alike): [title for titles in alike.values() for title in titles]}
    for ids, titles in alike.items():
        verb = "do" if len(titles) > 1 else "does"
        places = _places(ids, regions, "any of the areas")
        yield f"{_joined(titles)} {verb} not clearly set {places} apart from similar parts elsewhere."
    if len(regions) > FEW and len(unmeasured) > 1:
        yield f"Not every test could be measured in {_places(_union(i for _, i in unmeasured), regions)}."
        return
    for (reason, ids), titles in unmeasured.items():
        yield f"{_joined(titles)} could not be measured in {_places(ids, regions)}: {reason}."


def _union(several: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({number for ids in several for number in ids}))


def _levels(same: Rows, regions: Sequence[Region], with_unit: bool) -> str:
    """The two levels in brackets where there is but one region and they are levels, else nothing."""
    if len(regions) > 1 or "expected" not in same[0]:
        return ""
    inside, expected = (level_words(float(str(same[0][name]))) for name in ("inside", "expected"))
    return f" ({inside} against {expected}{' grey levels' if with_unit else ''})"


def _limits(claims: Sequence[Claim], evidence: Evidence) -> Iterator[str]:
    for kind in dict.fromkeys(claim.kind for claim in claims if claim.region_id):
        if item := evidence.item(kind):
            yield item.cannot_show
    if any(claim.region_id is None for claim in claims):
        yield FILE_LIMIT


def _ids(rows: Rows) -> tuple[int, ...]:
    return tuple(row["region_id"] for row in rows if isinstance(row["region_id"], int))


def _joined(titles: Sequence[str]) -> str:
    """Titles as a sentence begins with them: "Error level, noise and block grid"."""
    *first, last = [titles[0], *(title[0].lower() + title[1:] for title in titles[1:])]
    return f"{', '.join(first)} and {last}" if first else last


def _places(ids: Sequence[int], regions: Sequence[Region], everywhere: str = "any area") -> str:
    """Such as "the marked area", "region 2", "regions 1, 2 and 4", "regions 1 to 6".

    Args:
        everywhere: what to say where more than FEW regions are all there are.
    """
    if len(ids) == 1:
        return place_words(ids[0], regions)
    if len(ids) == len(regions) > FEW:
        return everywhere
    if len(ids) > FEW and ids[-1] - ids[0] == len(ids) - 1:
        return f"regions {ids[0]} to {ids[-1]}"
    *first, last = map(str, ids)
    return f"regions {', '.join(first)} and {last}"
