"""Copies of the whole store, and the way back: a database made anew from events and blobs."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from fakeshield_core.errors import StoreUnavailable
from feedback.blobs import BlobFolder
from feedback.database import Database, open_url
from feedback.durable import TEMPORARY, ensure_folder, replace, sync_file, sync_folder, translated
from feedback.events import Event, EventFiles, event_to_bytes, utc_now
from feedback.store import FeedbackStore, lock_folder
from feedback.tables import Base

SNAPSHOT = "feedback.sqlite3"
SIDE_FILES = ("", "-journal", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a backup or a restore did."""

    events: int  # copied or brought up to date
    blobs: int  # copied
    removed_blobs: int  # of items deleted since
    damaged: tuple[str, ...]  # files that were not copied, because their digest is wrong


def backup(store: FeedbackStore, target: Path) -> CopyReport:
    """Brings a folder up to date with the store, which may be in use; later backups copy only what is new.

    Deletions reach the copy too; nothing else ever removes a file from it.

    Raises:
        StorageFull, StoreUnavailable: the copy is incomplete; the one before is still whole.
    """
    ensure_folder(target)
    journal = store.journal
    with journal.database.maintenance() as connection:
        if connection is not None:
            with translated(target), _renamed(target / SNAPSHOT) as temporary:
                connection.execute("VACUUM INTO ?", (str(temporary),))
    return merge(journal.events, journal.blobs, target)


def restore(folder: Path, database_url: str | None = None, source: Path | None = None) -> CopyReport:
    """Makes the database anew from events and blobs, after taking over those of a backup where one is given.

    The old database is removed when every event file could be read; otherwise it stays beside the new one,
    for it may hold what they no longer do. Runs and leases are not restored: they are no events.

    Raises:
        StoreUnavailable: the store is in use, or there is no backup at `source`.
    """
    if source is not None and not (source / "events").is_dir():
        raise StoreUnavailable(f"There is no backup in {source}; name the folder that `backup` filled.")
    ensure_folder(folder)
    with lock_folder(folder, exclusive=True):
        report = CopyReport(0, 0, 0, ())
        if source is not None:
            report = merge(EventFiles(source / "events"), BlobFolder(source / "blobs"), folder)
        replaced = _set_aside(Database(open_url(database_url, folder)))
    FeedbackStore.open(folder, database_url).close()
    here = EventFiles(folder / "events")
    damaged = [f"event {uuid}" for uuid in here.uuids() if _sound(here, uuid) is None]
    if not damaged:
        for path in replaced:
            path.unlink()
    return dataclasses.replace(report, damaged=(*report.damaged, *damaged))


def merge(events: EventFiles, blobs: BlobFolder, target: Path) -> CopyReport:
    """Copies what the target lacks; an event that was erased on either side ends erased.

    Events first, blobs after: whoever finds an event in the source finds its blobs there as well.
    """
    damaged: list[str] = []
    there = EventFiles(target / "events")
    copied_events = sum(_copy_event(uuid, events, there, damaged) for uuid in events.uuids())
    merged = [_sound(there, uuid) for uuid in there.uuids()]
    wanted = {digest for event in merged if event is not None for digest in event.blobs.values()}
    kept = BlobFolder(target / "blobs")
    copied_blobs = sum(_copy_blob(digest, blobs, kept, damaged) for digest in sorted(wanted))
    all_sound = None not in merged  # a damaged event may still need its blobs
    unused = [digest for digest in kept.digests() if digest not in wanted] if all_sound else []
    for digest in unused:
        kept.remove(digest)
    return CopyReport(copied_events, copied_blobs, len(unused), tuple(damaged))


def _copy_event(uuid: str, source: EventFiles, target: EventFiles, damaged: list[str]) -> bool:
    try:
        event = source.read(uuid)
    except StoreUnavailable:
        damaged.append(f"event {uuid}")
        return False
    there = _sound(target, uuid)
    if event is None or (there is not None and (there.erased_by or not event.erased_by)):
        return False
    replace(target.path(uuid), event_to_bytes(event))
    return True


def _copy_blob(digest: str, source: BlobFolder, target: BlobFolder, damaged: list[str]) -> bool:
    if target.has(digest) or not source.has(digest):
        return False
    try:
        target.put(source.read(digest))
    except StoreUnavailable:
        damaged.append(f"blob {digest}")
        return False
    return True


def _sound(events: EventFiles, uuid: str) -> Event | None:
    """The event, None where it is missing or damaged: a sound copy may replace it."""
    try:
        return events.read(uuid)
    except StoreUnavailable:
        return None


@contextlib.contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """A temporary path beside this one; what was written there takes its place, on the disk."""
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)
    yield temporary
    sync_file(temporary)
    temporary.replace(path)
    sync_folder(path.parent)


def _set_aside(database: Database) -> list[Path]:
    """Renames the files of an SQLite database, drops the tables elsewhere; the new names."""
    replaced: list[Path] = []
    if database.file is None:
        with database.write_connection() as connection:
            Base.metadata.drop_all(connection)
            connection.execute(text("DROP TABLE IF EXISTS alembic_version"))
    else:
        stamp = utc_now().replace(":", "")
        for end in SIDE_FILES:
            path = database.file.with_name(database.file.name + end)
            if path.exists():
                with translated(path):
                    replaced.append(path.rename(path.with_name(f"replaced-{stamp}-{path.name}")))
        with translated(database.file):
            sync_folder(database.file.parent)
    database.close()
    return replaced
