"""Views to HTML: what was measured, and the note made of it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fakeshield_core.domain import EvidenceItem, Region
from ui.language import words
from ui.markup import icon, told, tongue, unbroken
from ui.state import PageView
from ui.words import say

TILE_ICONS = {"points_to_region": "found", "no_difference": "none"}
EXPECTED_TILES = 8  # drawn before the first measurement is in


def evidence_tiles(view: PageView) -> str:
    """A tile for each measurement, and below the one that is pressed what it shows and cannot show."""
    items = view.evidence.items if view.evidence else ()
    regions = view.localised.regions if view.localised else ()
    tiles = "".join(_tile(item, regions) for item in items) if items else _waiting_tile() * EXPECTED_TILES
    details = "".join(_tile_detail(item, regions) for item in items)
    return (
        f'<section class="evid" aria-labelledby="ev"><div class="sect"><h2 id="ev">{told("evidence")}</h2>'
        f'<span class="cap desk">{told("evidence_hint")}</span></div>'
        f'<div class="tiles"{"" if items else " aria-busy=true"}>{tiles}</div>{details}'
        f"{_note(view)}</section>"
    )


def tile_line(item: EvidenceItem, regions: Sequence[Region]) -> str:
    """The line under a tile's number."""
    if item.status == "points_to_region" and item.region_id is not None:
        return say("points_to_the_region") if len(regions) == 1 else say("points_to_region", n=item.region_id)
    if item.status == "informs" and item.name in ("metadata", "jpeg_tables"):
        return say(f"informs_{item.name}")
    return say(item.status if item.status in ("no_difference", "not_measured") else "informs")


def _tile(item: EvidenceItem, regions: Sequence[Region]) -> str:
    is_hit = item.status == "points_to_region"
    region = f' data-region="{item.region_id}"' if is_hit and item.region_id is not None else ""
    layer = f' data-layer="{escape(item.layer)}"' if item.layer else ""
    return (
        f'<button type="button" class="tile card{" hit" if is_hit else ""}"{region}{layer} '
        f'aria-expanded="false" aria-controls="ev-{escape(item.name)}">'
        f"<h3>{escape(words().title(item))}</h3><b>{escape(words().headline(item))}</b>"
        f"<p>{icon(TILE_ICONS.get(item.status, 'info'))}"
        f"<span>{escape(tile_line(item, regions))}</span></p></button>"
    )


def _tile_detail(item: EvidenceItem, regions: Sequence[Region]) -> str:
    title, shows, cannot_show = words().title(item), words().shown(item, regions), words().limit(item)
    return (
        f'<div class="detail card" id="ev-{escape(item.name)}" hidden><h3>{escape(title)}</h3><dl>'
        f"<dt>{told('shows')}</dt><dd>{escape(unbroken(shows))}</dd>"
        f"<dt>{told('cannot_show')}</dt><dd>{escape(cannot_show)}</dd></dl></div>"
    )


def _waiting_tile() -> str:
    return (
        '<div class="tile card"><span class="sk" style="width:64px"></span>'
        '<span class="sk tall" style="width:84px"></span><span class="sk" style="width:104px"></span></div>'
    )


def _note(view: PageView) -> str:
    """The explanation as one text, with a caret while it comes."""
    text = view.explanation.text if view.explanation else view.text
    if not text:
        return ""
    caret = "" if view.explanation else '<span class="caret"></span>'
    return (
        f'<section class="tell card" aria-labelledby="note"><h2 id="note">{told("note")}</h2>'
        f"<p{tongue(view.explanation)}>{escape(unbroken(text))}{caret}</p></section>"
    )
