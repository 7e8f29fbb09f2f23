"""Copies of the whole store, and the way back: a database made anew from events and blobs."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect, select, text

from fakeshield_core.errors import StoreUnavailable
from feedback.blobs import BlobFolder
from feedback.database import Database, open_url
from feedback.durable import TEMPORARY, ensure_folder, replace, sync_file, sync_folder, translated
from feedback.events import Event, EventFiles, event_to_bytes, utc_now
from feedback.store import FeedbackStore, lock_folder
from feedback.tables import Base, EventRow

log = logging.getLogger(__name__)

SNAPSHOT = "feedback.sqlite3"
SIDE_FILES = ("", "-journal", "-wal", "-shm")
ONLY_THERE = (
    "Events without a sound file ({n}) are in the database alone; copy it with pg_dump, empty it, then "
    "restore again."
)


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a backup or a restore did."""

    events: int  # copied or brought up to date
    blobs: int  # copied
    removed_blobs: int  # of items deleted since
    damaged: tuple[str, ...]  # files that were not copied, because their digest is wrong
    missing: tuple[str, ...] = ()  # uuids of events that only the database before knew, which is kept
    unread: bool = False  # the database before could not be read, and is kept


def backup(store: FeedbackStore, target: Path) -> CopyReport:
    """Brings a folder up to date with the store, which may be in use; later backups copy only what is new.

    Deletions reach the copy too; nothing else ever removes a file from it.

    Raises:
        StorageFull, StoreUnavailable: the copy is incomplete; the one before is still whole.
        StoreUnavailable: the folder is the store's or lies inside it; nothing was changed.
    """
    journal = store.journal
    live = journal.database.file
    overwrites = live is not None and (target / SNAPSHOT).resolve() == live.resolve()
    if overwrites or target.resolve().is_relative_to(store.folder.resolve()):
        raise StoreUnavailable("The store cannot hold its own backup; name a folder outside it.")
    ensure_folder(target)
    with journal.database.maintenance() as connection:
        if connection is not None:
            with translated(target), _renamed(target / SNAPSHOT) as temporary:
                connection.execute("VACUUM INTO ?", (str(temporary),))
    return merge(journal.events, journal.blobs, target)


def restore(folder: Path, database_url: str | None = None, source: Path | None = None) -> CopyReport:
    """Makes the database anew from events and blobs, after taking over those of a backup where one is given.

    The old database is removed when it can be read, every event it knows has a file, and every file could be
    read; otherwise it stays beside the new one as `replaced-*`, for it may hold what they no longer do. Runs
    and leases are not restored: they are no events.

    Raises:
        StoreUnavailable: the store is in use, there is no backup at `source`, or a PostgreSQL database, which
            cannot be set aside, alone holds some events.
    """
    if source is not None and not (source / "events").is_dir():
        raise StoreUnavailable(f"There is no backup in {source}; name the folder that `backup` filled.")
    ensure_folder(folder)
    with lock_folder(folder, exclusive=True):
        report = CopyReport(0, 0, 0, ())
        if source is not None:
            report = merge(EventFiles(source / "events"), BlobFolder(source / "blobs"), folder)
        here = EventFiles(folder / "events")
        torn = {uuid for uuid in here.uuids() if _sound(here, uuid) is None}
        database = Database(open_url(database_url, folder))
        known = _known_events(database)
        missing = sorted((known or set()).difference(here.uuids()))
        only_there = len(missing) + len((known or set()) & torn)
        if only_there and database.file is None:
            raise StoreUnavailable(ONLY_THERE.format(n=only_there))
        replaced = _set_aside(database)
    FeedbackStore.open(folder, database_url).close()
    if known is not None and not torn and not missing:
        for path in replaced:
            path.unlink()
    damaged = (*report.damaged, *(f"event {uuid}" for uuid in sorted(torn)))
    return dataclasses.replace(report, damaged=damaged, missing=tuple(missing), unread=known is None)


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


def _known_events(database: Database) -> set[str] | None:
    """Uuids of the events that have rows; none where there is no database, None where it cannot be read."""
    if database.file is not None and not database.file.exists():
        return set()
    try:
        with database.read() as session:
            if not inspect(session.connection()).has_table(EventRow.__tablename__):
                return set()
            return set(session.scalars(select(EventRow.uuid)))
    except StoreUnavailable as error:
        log.warning("the old database is not compared with the events: %s", error)
        return None
    finally:
        database.close()


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
