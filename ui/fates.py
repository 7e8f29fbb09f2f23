"""What became of a correction, for the person who sent it."""

from __future__ import annotations

from typing import cast

from fakeshield_core.domain import JsonValue
from feedback.events import plain
from feedback.records import Case, Item
from ui.answers import Answer


def fate_to_json(fate: Case) -> Answer:
    """What became of an item, for its contributor: the reviewer's name is left out."""
    item = fate.item
    return {
        "receipt": item.receipt,
        "state": item.state,
        "created_at": item.created_at,
        "verdict": item.content.verdict if item.content else None,
        "consent": cast("JsonValue", plain(item.consent)),
        "kept": _kept(item),
        "review": {"decision": item.review.decision, "reason": item.review.reason} if item.review else None,
        "releases": list(fate.releases),
        "adapters": list(fate.adapters),
    }


def _kept(item: Item) -> list[JsonValue]:
    """What of the item lies in the store, in words of our own."""
    kept = {
        "picture": item.picture_sha256,
        "mask": item.mask_sha256,
        "ratings": item.content,
        "words": item.content and item.content.kept and item.content.kept.rewritten_explanation,
    }
    return [name for name, value in kept.items() if value]
