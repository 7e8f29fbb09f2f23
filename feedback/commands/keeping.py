"""`backup`, `restore` and `purge`: copies, the way back, and what must go."""

from __future__ import annotations

import argparse
from pathlib import Path

from fakeshield_core.commands.outcome import Outcome
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import FeedbackError
from feedback.backup import CopyReport
from feedback.backup import backup as copy_store
from feedback.backup import restore as rebuild
from feedback.store import FeedbackStore


def add_backup_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `backup`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder off this disk; filled or updated")


def backup(args: argparse.Namespace, store: FeedbackStore) -> Outcome:
    """Copies what is new.

    Raises:
        StorageFull, StoreUnavailable: the copy is incomplete, or the folder is the store's own.
    """
    return _copied(f"{args.folder} is up to date", copy_store(store, args.folder))


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `restore`."""
    parser.add_argument(
        "--from", type=Path, dest="source", metavar="DIR", help="a backup to take events and files from"
    )


def restore(args: argparse.Namespace, folder: Path, database_url: str | None) -> Outcome:
    """Makes the database anew; the app must not run.

    Raises:
        StoreUnavailable: the store is in use, or there is no backup.
    """
    return _copied("The database was made anew from the events", rebuild(folder, database_url, args.source))


def add_purge_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `purge`."""
    parser.add_argument(
        "receipts", nargs="*", metavar="RECEIPT", help="items to delete for good, besides what nobody uses"
    )


def purge(args: argparse.Namespace, store: FeedbackStore) -> Outcome:
    """Deletes items by receipt, then files that nothing refers to."""
    deleted: list[JsonValue] = []
    lines: list[str] = []
    complaints: list[str] = []
    for receipt in args.receipts:
        try:
            done = store.withdraw(receipt)
        except FeedbackError as error:
            complaints.append(f"{receipt}: {error}")
            continue
        seen = f"; adapters that saw it: {', '.join(done.adapters)}" if done.adapters else ""
        lines.append(f"{done.receipt}: deleted{seen}")
        deleted.append(
            {"receipt": done.receipt, "releases": list(done.releases), "adapters": list(done.adapters)}
        )
    blobs, leftovers = store.purge()
    lines.append(f"{blobs} unused files and {leftovers} unfinished ones removed")
    document: JsonValue = {"deleted": deleted, "unused_files": blobs, "unfinished_files": leftovers}
    return Outcome("\n".join(lines), document, tuple(complaints))


def _copied(what: str, report: CopyReport) -> Outcome:
    text = f"{what}: {report.events} events and {report.blobs} files copied, {report.removed_blobs} removed"
    if report.unread:
        text += "\nthe old database cannot be read; it is kept as replaced-*"
    document: JsonValue = {
        "events": report.events,
        "blobs": report.blobs,
        "removed_blobs": report.removed_blobs,
        "damaged": list(report.damaged),
        "missing": list(report.missing),
        "unread": report.unread,
    }
    complaints = [f"{name} is damaged and was not copied" for name in report.damaged]
    complaints += [
        f"event {uuid} has no file; see the old database, kept as replaced-*" for uuid in report.missing
    ]
    return Outcome(text, document, tuple(complaints))
