"""The way of a fact to the disk: blobs, then event file, then rows. And the way back after a crash."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import cast

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from fakeshield_core.errors import StoreUnavailable
from feedback.blobs import BlobFolder, digest_of
from feedback.database import Database
from feedback.durable import is_stale
from feedback.events import Event, EventFiles, EventKind, event_to_bytes
from feedback.projection import apply_event, events_of, project_item, says_something
from feedback.tables import EventBlobRow, EventRow, ItemRow

BATCH = 500  # events replayed in one transaction
log = logging.getLogger(__name__)


class Journal:
    """Event files and blobs in a folder, and the database that follows them."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.database = database
        self.events = EventFiles(folder / "events")
        self.blobs = BlobFolder(folder / "blobs")

    def record(self, event: Event, blobs: Mapping[str, bytes] | None = None) -> Event:
        """Puts a fact on the disk: on return its blobs, event file and rows are all there.

        Args:
            event: without blobs.
            blobs: role -> bytes.

        Returns:
            The event as kept; another one where its uuid had been used before, whose rows are there as well.

        Raises:
            StorageFull, StoreUnavailable: perhaps a part is on the disk; the same call again finishes it.
        """
        given = {digest_of(data): data for data in (blobs or {}).values()}
        kept = self.events.read(event.uuid)
        if kept is not None:
            return self._settle(kept, given)
        roles = {role: self.blobs.put(data) for role, data in (blobs or {}).items()}
        return self._settle(dataclasses.replace(event, blobs=roles), given)

    def find(self, uuid: str) -> Event | None:
        """The event of that uuid, which has its rows on return; None where there is none.

        Raises:
            StorageFull, StoreUnavailable: as `record`.
        """
        kept = self.events.read(uuid)
        return None if kept is None else self._settle(kept, {})

    def replay(self) -> int:
        """Gives rows to events that have none, because their writer died in between; how many there were."""
        with self.database.read() as session:
            waiting = self._without_rows(session)
        for start in range(0, len(waiting), BATCH):
            with self.database.write() as session:
                for event in waiting[start : start + BATCH]:
                    apply_event(session, event)
        return len(waiting)

    def finish_erasures(self) -> int:
        """Erases what withdrawals asked for and nobody finished; how many items there were."""
        with self.database.read() as session:
            pending = session.scalars(select(ItemRow.uuid).where(ItemRow.erasure_pending)).all()
        for uuid in pending:
            self.erase(uuid)
        return len(pending)

    def erase(self, item: str) -> None:
        """Empties every event about a withdrawn item but the withdrawal, and removes blobs nobody else uses.

        Files first, then rows: cut off in between, the item stays marked for `finish_erasures`.
        """
        self.replay()  # an event about the item may be on the disk without its row
        with self.database.read() as session:
            events = events_of(session, item)
            by = next((event.uuid for event in events if event.kind == "withdrawal"), None)
            if by is None:
                return
            row = session.get_one(ItemRow, item)
            emptied = [_emptied(event, row, by) for event in events if says_something(event)]
        for event in emptied:
            self.events.replace(event)
        with self.database.write() as session:
            freed = {sha256 for event in emptied for sha256 in _empty_row(session, event)}
            project_item(session, item)
            self._remove_unused(session, freed)
        self._forget_old_pages()

    def sweep(self, is_old: Callable[[Path], bool] = is_stale) -> tuple[int, int]:
        """Removes blobs that no event uses and temporary files of dead writers, when old enough.

        Returns:
            How many blobs, how many temporary files.
        """
        self.replay()
        with self.database.write() as session:
            used = set(session.scalars(select(EventBlobRow.sha256)))
            orphans = {d for d in self.blobs.digests() if d not in used and is_old(self.blobs.path(d))}
            self._remove_unused(session, orphans)
        leftovers = [p for p in (*self.blobs.leftovers(), *self.events.leftovers()) if is_old(p)]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(orphans), len(leftovers)

    def _settle(self, event: Event, given: Mapping[str, bytes]) -> Event:
        """File and rows of an event, in a transaction that sees its blobs in their place; the event as kept.

        Whoever removes a blob does so under the same lock and looks for events without rows first: a writer
        killed anywhere leaves no event without its blobs.
        """
        while True:
            with self.database.write() as session:
                gone = [sha for sha in event.blobs.values() if sha in given and not self.blobs.has(sha)]
                if not gone:
                    kept = self.events.write_new(event)
                    apply_event(session, kept)
                    return kept
            for sha256 in gone:
                self.blobs.put(given[sha256])

    def _without_rows(self, session: Session) -> list[Event]:
        """Events on the disk that have no rows, the oldest first."""
        known = set(session.scalars(select(EventRow.uuid)))
        waiting = [event for uuid in self.events.uuids() if uuid not in known and (event := self._read(uuid))]
        return sorted(waiting, key=lambda event: (event.created_at, event.uuid))

    def _remove_unused(self, session: Session, digests: Collection[str]) -> None:
        """Removes the blobs among these that no event uses; the caller holds the write lock."""
        rowless = [d for d in digests if not session.scalar(select(exists().where(EventBlobRow.sha256 == d)))]
        if rowless:
            waiting = {sha for event in self._without_rows(session) for sha in event.blobs.values()}
            for digest in set(rowless) - waiting:
                self.blobs.remove(digest)

    def _forget_old_pages(self) -> None:
        """In WAL, pages written over stay in the log until it is cut."""
        with self.database.maintenance() as connection:
            if connection is not None:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _read(self, uuid: str) -> Event | None:
        try:
            return self.events.read(uuid)
        except StoreUnavailable as error:
            log.error("event %s is left out: %s", uuid, error)
            return None


def _emptied(event: EventRow, item: ItemRow, by: str) -> Event:
    """The event without what it said; made from rows, so that a damaged file is erased as well."""
    is_submission = event.uuid == item.uuid
    return Event(
        uuid=event.uuid,
        kind=cast("EventKind", event.kind),
        created_at=event.created_at,
        payload=None,
        item=item.uuid,
        receipt=item.receipt if is_submission else None,
        supersedes=item.supersedes if is_submission else None,
        erased_by=by,
    )


def _empty_row(session: Session, event: Event) -> list[str]:
    """Empties the row as its file was emptied; digests of the blobs it used."""
    row = session.get_one(EventRow, event.uuid)
    row.payload, row.erased_by, row.file_sha256 = None, event.erased_by, digest_of(event_to_bytes(event))
    blobs = EventBlobRow.event_uuid == event.uuid
    freed = list(session.scalars(select(EventBlobRow.sha256).where(blobs)))
    session.execute(delete(EventBlobRow).where(blobs))
    session.flush()
    return freed
