"""Where in a picture do words point? "In the lower left part" becomes a box; "left hand" does not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fakeshield_core.domain import Region

VERTICAL = r"upper|uppermost|top|lower|lowermost|bottom"
MIDDLE = r"cent(?:er|re|ral)|middle|mid"
NOUN = r"hand\s+side|side|part|corner|half|quadrant|area|region|portion|section|third|position|edge|end"
PICTURE = r"image|picture|photo(?:graph)?|frame|scene|shot"
# A direction counts with a place word after it ("left side"), a second direction ("lower left"), or after
# "in/at/on the"; not where it belongs to a thing ("the left hand", "left of the man") or to light.
PLACE = re.compile(
    rf"(?P<lead>(?<!\w)(?:in|at|on|near|to|towards?|around|across|along|occup\w+)\s+the\s+(?:far\s+|very\s+)?)?"
    rf"(?<!\w)(?P<one>{VERTICAL}|{MIDDLE}|left|right)"
    rf"(?:(?:\s*-\s*|\s+(?:and\s+)?)(?P<two>{VERTICAL}|{MIDDLE}|left|right)(?!\w))?"
    rf"(?P<noun>(?:\s*-\s*|\s+)(?:{NOUN})(?!\w))?"
    rf"(?P<whose>\s+of\s+(?:the|this|an?)\s+(?P<owner>\w+))?(?P<thing>\s+(?!of\b)[a-z]+)?",
    re.IGNORECASE,
)
LIGHT = re.compile(r"\b(?:from|toward|facing|source)\s+(?:is\s+)?(?:the\s+)?$", re.IGNORECASE)
WHOLE = re.compile(rf"\b(?:entire|whole)\s+(?:{PICTURE})\b", re.IGNORECASE)
FOLLOWS = re.compile(
    r"^\s+(?:and|or|where|which|with|is|are|was|has|have|near|next|just|but|so|there|that)$", re.I
)

SPANS = {"low": (0.0, 0.5), "mid": (0.25, 0.75), "high": (0.5, 1.0), "all": (0.0, 1.0)}
INSIDE = 0.5  # share of a region inside the place for the words to mean it
NOWHERE = 0.1  # below this share of the whole mask the words point beside it


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was named, as shares of the picture's width and height."""

    words: str
    x: tuple[float, float]
    y: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Link:
    """What a text's places mean on a mask."""

    region_id: int | None  # None: the words do not decide
    contradicts: bool  # the words name a place, and next to nothing of the mask is there


def places(text: str) -> tuple[Place, ...]:
    """The places of the picture that a text names, in their order."""
    found = [Place(match[0], SPANS["all"], SPANS["all"]) for match in WHOLE.finditer(text)]
    for match in PLACE.finditer(text):
        place = _place(match, text)
        if place is not None and place not in found:
            found.append(place)
    return tuple(found)


def link(named: Sequence[Place], labels: npt.NDArray[np.int32], regions: Sequence[Region]) -> Link:
    """The region that places mean.

    Args:
        named: of `places`.
        labels: (H, W), region ids, 0 = none.
        regions: of the mask.
    """
    if not named or not regions:
        return Link(None, False)
    inside = np.zeros(labels.shape, np.bool_)
    height, width = labels.shape
    for place in named:
        (x0, x1), (y0, y1) = place.x, place.y
        inside[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)] = True
    total = np.bincount(labels.ravel()).astype(float)  # also of areas too many to be regions
    share = np.bincount(labels[inside], minlength=total.size) / np.maximum(total, 1)
    within = float((share * total)[1:].sum() / max(total[1:].sum(), 1))
    meant = [region.id for region in regions if share[region.id] >= INSIDE]
    return Link(meant[0] if meant else None, not meant and within < NOWHERE)


def _place(match: re.Match[str], text: str) -> Place | None:
    if not _is_place(match, text):
        return None
    x, y = "all", "all"
    named = [word.lower() for word in (match["one"], match["two"]) if word]
    for word in named:
        if word == "left":
            x = "low"
        elif word == "right":
            x = "high"
        elif re.fullmatch(VERTICAL, word):
            y = "low" if word.startswith(("u", "t")) else "high"
    if any(re.fullmatch(MIDDLE, word) for word in named):
        x, y = ("mid" if x == "all" else x), ("mid" if y == "all" else y)
    end = match.end("noun") if match["noun"] else match.end("two") if match["two"] else match.end("one")
    return Place(text[match.start("one") : end], SPANS[x], SPANS[y])


def _is_place(match: re.Match[str], text: str) -> bool:
    if LIGHT.search(text[max(0, match.start("one") - 24) : match.start("one")]):
        return False
    if match["owner"] and not re.fullmatch(PICTURE, match["owner"], re.IGNORECASE):
        return False
    if match["noun"] or match["two"] or match["owner"]:
        return True
    return bool(match["lead"]) and (not match["thing"] or bool(FOLLOWS.match(match["thing"])))
