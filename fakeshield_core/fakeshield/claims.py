"""An answer in words as claims, each tied to the region of the mask that it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fakeshield_core import masks
from fakeshield_core.domain import Claim, JsonValue, SoftMap
from fakeshield_core.fakeshield.places import Link, link, places
from fakeshield_core.fakeshield.reasons import Reason, parse

READING = "reading"  # kind of a claim that is a language model's own words
AGAINST = (
    "The words point at the {place}, where next to nothing is marked; look at the pixels of both places."
)


@dataclass(frozen=True, slots=True)
class Read:
    """Claims, and what they say against the mask."""

    claims: tuple[Claim, ...]
    warnings: tuple[str, ...]


def claims_of(text: str, soft_map: SoftMap, threshold: float) -> Read:
    """The description and the reasons of an answer, linked to a map.

    A claim whose words name a place where next to nothing is marked points at a region that does not exist,
    one after the last: readers flag it as against the mask.

    Args:
        text: answer of the DTE-FDM.
        soft_map: (H, W), 0..1; without a marked pixel nothing is linked and nothing contradicts.
        threshold: of the mask.
    """
    mask = masks.threshold(soft_map, threshold)
    regions = masks.regions(mask, soft_map)
    labels = masks.label_regions(mask, masks.min_region_px(*mask.shape)).labels
    claims, against = list[Claim](), list[str]()
    for number, reason in enumerate(_said(text), start=1):
        named = places(reason.text)
        found: Link = link(named, labels, regions)
        told: dict[str, JsonValue] = {"topic": reason.topic}
        if named:
            told["place"] = named[0].words
        if found.contradicts:
            against.append(AGAINST.format(place=named[0].words.lower()))
        region = len(regions) + 1 if found.contradicts else found.region_id
        claims.append(Claim(f"c{number}", reason.text, READING, region, told, None))
    return Read(tuple(claims), tuple(dict.fromkeys(against)))


def _said(text: str) -> Iterator[Reason]:
    answer = parse(text)
    if answer.description:
        yield Reason("place", answer.description)
    yield from answer.reasons
