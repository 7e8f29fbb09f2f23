"""`release` and `export`: accepted feedback, frozen and numbered, and as files."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from fakeshield_core.commands.outcome import Outcome
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import ReleaseRefused
from fakeshield_core.files import read_picture
from fakeshield_core.manifest import read_manifest
from fakeshield_core.similarity import perceptual_hash
from feedback.export import export_release
from feedback.records import ReleaseRules
from feedback.releases import release_to_json
from feedback.store import FeedbackStore


def add_release_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `release`."""
    rules = ReleaseRules()
    parser.add_argument(
        "--max-share",
        type=float,
        default=rules.max_share,
        metavar="SHARE",
        help=f"most of a release that one contributor may give, 0..1 (default: {rules.max_share})",
    )
    parser.add_argument(
        "--holdout-share",
        type=float,
        default=rules.holdout_share,
        metavar="SHARE",
        help=f"share of new groups that are never trained on (default: {rules.holdout_share})",
    )
    parser.add_argument(
        "--frozen",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="manifest of pictures that nothing in a release may resemble; may be given several times",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be released, keep nothing")


def release(args: argparse.Namespace, store: FeedbackStore) -> Outcome:
    """Freezes the next release.

    Raises:
        ReleaseRefused: there is nothing to release.
        InputError: a frozen manifest, or a picture it names, cannot be read.
    """
    rules = ReleaseRules(args.max_share, args.holdout_share, frozen_hashes(args.frozen))
    made = store.preview_release(rules) if args.dry_run else store.create_release(rules)
    splits = Counter(item.split for item in made.items)
    lines = [
        f"Release {made.number}{' (not kept)' if args.dry_run else ''}: {len(made.items)} items in "
        f"{len({item.group for item in made.items})} groups, {splits['train']} to train, "
        f"{splits['holdout']} held out; manifest {made.manifest_sha256[:12]}"
    ]
    reasons = Counter(entry.reason for entry in made.set_aside)
    lines += [f"left out: {count} {reason}" for reason, count in sorted(reasons.items())]
    return Outcome("\n".join(lines), release_to_json(made) | {"manifest_sha256": made.manifest_sha256})


def frozen_hashes(manifests: list[Path]) -> tuple[int, ...]:
    """Perceptual hashes of all pictures of these manifests.

    Raises:
        InputError: one cannot be read.
    """
    paths = [row.path for manifest in manifests for row in read_manifest(manifest).rows]
    return tuple(perceptual_hash(read_picture(path).rgb) for path in paths)


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `export`."""
    parser.add_argument("--release", type=int, metavar="NUMBER", help="which one (default: the latest)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder")


def export(args: argparse.Namespace, store: FeedbackStore) -> Outcome:
    """Writes a release as files.

    Raises:
        ReleaseRefused: there is no such release, or the folder holds something.
        InputError: the folder cannot be written to.
    """
    numbers = [made.number for made in store.releases()]
    if args.release is None and not numbers:
        raise ReleaseRefused("There is no release yet; make one with `python -m feedback release`.")
    written = export_release(store, numbers[-1] if args.release is None else args.release, args.out)
    text = f"Release {written.release.number}: {written.items} items in {written.manifest}"
    if written.withdrawn:
        text += f"; {len(written.withdrawn)} deleted since and not exported"
    complaints = tuple(f"{uuid}: its files are damaged; restore them" for uuid in written.damaged)
    document: JsonValue = {
        "release": written.release.number,
        "manifest": str(written.manifest),
        "manifest_sha256": written.release.manifest_sha256,
        "items": written.items,
        "withdrawn": list(written.withdrawn),
        "damaged": list(written.damaged),
    }
    return Outcome(text, document, complaints)
