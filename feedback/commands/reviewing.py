"""`review`: the queue, and decisions about it."""

from __future__ import annotations

import argparse
from typing import cast, get_args

from fakeshield_core.commands.outcome import Outcome
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import FeedbackError
from feedback.events import plain
from feedback.records import Item, ItemState
from feedback.store import FeedbackStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `review`."""
    parser.add_argument(
        "receipts", nargs="*", metavar="RECEIPT", help="what to decide about; none: list what waits"
    )
    decision = parser.add_mutually_exclusive_group()
    decision.add_argument("--accept", action="store_const", const="accept", dest="decision")
    decision.add_argument("--reject", action="store_const", const="reject", dest="decision")
    parser.add_argument("--reason", default="", metavar="TEXT", help="shown to the contributor")
    parser.add_argument("--by", default="operator", metavar="NAME", help="who decides (default: operator)")
    parser.add_argument(
        "--state", default="quarantined", choices=get_args(ItemState), help="which items to list"
    )


def misuse(args: argparse.Namespace) -> str | None:
    """What is wrong with the arguments together, None where nothing is."""
    if bool(args.receipts) == (args.decision is None):
        return "give receipts together with --accept or --reject, or neither to list the queue"
    return None


def run(args: argparse.Namespace, store: FeedbackStore) -> Outcome:
    """Lists items, or decides about each; one that cannot be decided is a complaint, the others go on."""
    if not args.receipts:
        items = store.items(args.state)
        text = "\n".join(map(describe, items)) or "Nothing waits."
        return Outcome(text, [item_to_json(item) for item in items])
    decided: list[Item] = []
    complaints: list[str] = []
    for receipt in args.receipts:
        try:
            decided.append(store.review(receipt, args.decision, args.by, args.reason))
        except FeedbackError as error:
            complaints.append(f"{receipt}: {error}")
    text = "\n".join(f"{item.receipt}: {item.state}" for item in decided)
    return Outcome(text, [item_to_json(item) for item in decided], tuple(complaints))


def describe(item: Item) -> str:
    """One line for a terminal."""
    kept = None if item.content is None else item.content.kept
    if item.content is None or kept is None:
        return f"{item.receipt}  {item.created_at[:16]}  {item.state}"
    area = "no mask" if kept.mask_area is None else f"mask {kept.mask_area:.1%}"
    use = "may train" if item.consent.train else "not for training"
    who = kept.contributor or "anonymous"
    return (
        f"{item.receipt}  {item.created_at[:16]}  {item.content.verdict}, {area}, {kept.how_do_you_know}, "
        f"{kept.domain_tag or 'no domain'}, {who}, {use}"
    )


def item_to_json(item: Item) -> dict[str, JsonValue]:
    """The item as JSON; the perceptual hash in hex, as JSON numbers do not hold 64 bits everywhere."""
    document = plain(item)
    if item.content is not None and item.content.kept is not None:
        content = cast("dict[str, dict[str, JsonValue]]", document["content"])
        content["kept"]["perceptual_hash"] = f"{item.content.kept.perceptual_hash:016x}"
    return document
