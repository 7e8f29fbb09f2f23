"""Explanations in English: the sentences that the evidence brings along, and those that join them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fakeshield_core.domain import Claim, Evidence, EvidenceItem, Region, Verdict
from fakeshield_core.evidence.level_test import place_words
from fakeshield_core.explain.claims import row_of
from fakeshield_core.explain.words import Row, Rows, Words, levels_told, naming
from fakeshield_core.masks import MAX_REGIONS

COUNTS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven")
AT_LEAST = f"At least {MAX_REGIONS}"
LEADS: Mapping[Verdict, str] = {
    "no_tampering_found": "The score stays below the threshold; the marks are the map's strongest places.",
    "inconclusive": "The score does not decide; the marks are the map's strongest places.",
}


class English:
    """Implements `Words`. Stateless."""

    code = "en"
    gap = " "
    leads = LEADS
    nothing_marked = "No area is marked, so there was nothing to compare with the rest of the picture."
    unexplained = "So no measurement here supports what is marked."
    file_limit = "Such file facts also arise when an unchanged picture is saved again."
    nothing_found = "None of this points at an area, and edits that leave no such traces cannot be ruled out."

    def place(self, where: str) -> str:
        """The words themselves."""
        return where

    def where(self, regions: Sequence[Region]) -> str:
        """As `where_words`."""
        return where_words(regions)

    def claim(self, claim: Claim, evidence: Evidence, regions: Sequence[Region]) -> str:
        """The sentence that came with the measurement."""
        item = next(item for item in evidence.items if item.name == claim.kind)
        if claim.region_id is None:
            return item.shows
        return str(row_of(item, claim.region_id)["text"])

    def whole(self, item: EvidenceItem) -> str:
        """The sentence that came with the measurement."""
        return item.shows

    def limit(self, item: EvidenceItem) -> str:
        """The sentence that came with the measurement."""
        return item.cannot_show

    def title(self, item: EvidenceItem) -> str:
        """The item's own."""
        return item.title

    def headline(self, item: EvidenceItem) -> str:
        """The item's own."""
        return item.headline

    def shown(self, item: EvidenceItem, regions: Sequence[Region]) -> str:
        """The sentence that came with the measurement."""
        return item.shows

    def same(
        self, results: Sequence[tuple[EvidenceItem, Rows]], ids: Sequence[int], regions: Sequence[Region]
    ) -> str:
        """Such as "Noise (2.04 against 1.48 grey levels) does not clearly set ... apart ..."."""
        titles: list[str] = []
        for item, rows in results:
            titles.append(item.title + _levels(rows, regions, with_unit=not titles))
        verb = "do" if len(titles) > 1 else "does"
        places = _places(ids, regions, "any of the areas")
        return f"{_joined(titles)} {verb} not clearly set {places} apart from similar parts elsewhere."

    def unmeasured(
        self, items: Sequence[EvidenceItem], row: Row, ids: Sequence[int], regions: Sequence[Region]
    ) -> str:
        """Such as "Noise could not be measured in region 2: almost black or almost white."."""
        titles = f"{_joined([item.title for item in items])} could not" if items else "Nothing could"
        return f"{titles} be measured in {_places(ids, regions)}: {row['reason']}."

    def incomplete(self, ids: Sequence[int], regions: Sequence[Region]) -> str:
        """Such as "Not every test could be measured in regions 2 and 3."."""
        return f"Not every test could be measured in {_places(ids, regions)}."


ENGLISH: Words = English()


def where_words(regions: Sequence[Region]) -> str:
    """Where and how large: "Two areas, the larger left of centre, together 2.5 % of the picture.".

    Args:
        regions: at least one, largest first; where they are MAX_REGIONS there may be more.
    """
    where, share = regions[0].where, percent_words(sum(region.area_fraction for region in regions))
    share = f"{share} of {'it' if where.endswith('picture') else 'the picture'}"
    if len(regions) == 1:
        return f"One area {_in_place(where)}, {share}."
    if len(regions) == MAX_REGIONS:
        return (
            f"{AT_LEAST} areas, the largest {_in_place(where)}, the {MAX_REGIONS} largest together {share}."
        )
    largest = "larger" if len(regions) == 2 else "largest"
    return f"{COUNTS[len(regions)]} areas, the {largest} {_in_place(where)}, together {share}."


def percent_words(fraction: float) -> str:
    """A share of the picture: "34 %", "2.5 %", "0.04 %"."""
    return f"{percent_digits(fraction)} %"


def percent_digits(fraction: float) -> str:
    """A share of 0..1 in per cent, two digits: "34", "2.5", "0.04"."""
    percent = 100 * fraction
    digits = 0 if percent >= 9.95 else 1 if percent >= 0.095 else 2
    return f"{percent:.{digits}f}"


def _in_place(where: str) -> str:
    """The words of `masks.where_in_picture` after "One area"."""
    if where.endswith("picture"):
        return f"spread over {where}"
    if where == "centre":
        return "in the centre"
    return f"at the {where}" if where.startswith(("top", "bottom", "far")) else where


def _levels(same: Rows, regions: Sequence[Region], with_unit: bool) -> str:
    """The two levels in brackets where there is but one region and they are levels, else nothing."""
    told = levels_told(same, regions)
    return f" ({told[0]} against {told[1]}{' grey levels' if with_unit else ''})" if told else ""


def _joined(titles: Sequence[str]) -> str:
    """Titles as a sentence begins with them: "Error level, noise and block grid"."""
    *first, last = [titles[0], *(title[0].lower() + title[1:] for title in titles[1:])]
    return f"{', '.join(first)} and {last}" if first else last


def _places(ids: Sequence[int], regions: Sequence[Region], everywhere: str = "any area") -> str:
    """Such as "the marked area", "region 2", "regions 1, 2 and 4", "regions 1 to 6".

    Args:
        everywhere: what to say where more than FEW regions are all there are.
    """
    match naming(ids, regions):
        case "one":
            return place_words(ids[0], regions)
        case "all":
            return everywhere
        case "run":
            return f"regions {ids[0]} to {ids[-1]}"
        case "some":
            *first, last = map(str, ids)
            return f"regions {', '.join(first)} and {last}"
