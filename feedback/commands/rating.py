"""`claims`: how right claims are by those who rated them, and what follows for their confidences."""

from __future__ import annotations

import argparse
import json

from fakeshield_core.commands.outcome import Outcome
from fakeshield_core.domain import JsonValue
from fakeshield_core.explain.offsets import FILE, offsets_json
from feedback import durable
from feedback.claims import KindOfClaim, learn_offsets, rated_claims
from feedback.events import plain
from feedback.store import FeedbackStore

NONE = "No claim of an accepted correction that may train has been rated right or wrong yet."


def add_claims_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `claims`."""
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"leave the offsets in {FILE} in the data folder, for the app's next start",
    )


def claims(args: argparse.Namespace, store: FeedbackStore) -> Outcome:
    """By kind of claim: ratings, how many were right, how confident the claims were, and the offset.

    Raises:
        StorageFull: the disk is full.
    """
    kinds = learn_offsets(rated_claims(store))
    document: dict[str, JsonValue] = {
        **offsets_json({kind.kind: kind.offset for kind in kinds}),
        "kinds": [plain(kind) for kind in kinds],
    }
    lines = [_line(kind) for kind in kinds] or [NONE]
    if args.write:
        path = store.folder.parent / FILE
        durable.replace(path, json.dumps(document, indent=1).encode())
        lines.append(f"{FILE} is written; the app uses it from its next start.")
    return Outcome("\n".join(lines), document)


def _line(kind: KindOfClaim) -> str:
    share = kind.right / kind.ratings
    return (
        f"{kind.kind}: {kind.right} of {kind.ratings} rated right ({share:.2f}, stated {kind.stated:.2f}), "
        f"offset {kind.offset:+.2f}"
    )
