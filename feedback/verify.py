"""Looks at everything: each row against its event file, each file against its digest, the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select

from fakeshield_core.errors import SchemaTooNew, StoreUnavailable
from feedback.blobs import digest_of
from feedback.events import Event, event_to_bytes
from feedback.journal import Journal
from feedback.projection import content_of, events_of
from feedback.store import FeedbackStore
from feedback.tables import EventBlobRow, EventRow, ItemRow


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was looked at and what is wrong; `problems` is empty for a sound store."""

    events: int
    items: int
    blobs: int
    orphan_blobs: int  # no event uses them; `purge` removes those older than an hour
    leftovers: int  # temporary files of writers that died, or are writing now
    problems: tuple[str, ...]  # one sentence each


def verify(store: FeedbackStore) -> VerifyReport:
    """Reads the whole store. Nothing is changed; a store in use may be read."""
    journal = store.journal
    problems: list[str] = list(_database_problems(journal))
    on_disk: dict[str, str] = {}
    for uuid in journal.events.uuids():
        try:
            event = journal.events.read(uuid)
        except (StoreUnavailable, SchemaTooNew) as error:
            problems.append(f"Event {uuid}: {error}")
            continue
        if event is not None:
            on_disk[uuid] = digest_of(event_to_bytes(event))
            problems += _misfiled(uuid, event)
    used, items = _compare_rows(journal, on_disk, problems)
    blobs = list(journal.blobs.digests())
    problems += _blob_problems(journal, blobs, used)
    leftovers = [*journal.blobs.leftovers(), *journal.events.leftovers()]
    orphans = len(set(blobs) - used)
    return VerifyReport(len(on_disk), items, len(blobs), orphans, len(leftovers), tuple(problems))


def _database_problems(journal: Journal) -> Iterator[str]:
    with journal.database.maintenance() as connection:
        if connection is None:
            return
        for (answer,) in connection.execute("PRAGMA integrity_check"):
            if answer != "ok":
                yield f"Database: {answer}"
        for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
            yield f"Database: row {row} of {table} refers to a row of {parent} that is not there."


def _misfiled(uuid: str, event: Event) -> list[str]:
    return [] if event.uuid == uuid else [f"Event {uuid}: the file holds the event {event.uuid}."]


def _compare_rows(journal: Journal, on_disk: dict[str, str], problems: list[str]) -> tuple[set[str], int]:
    """Blobs in use, and how many items there are; what does not agree is added to the problems."""
    with journal.database.read() as session:
        rows = {uuid: sha for uuid, sha in session.execute(select(EventRow.uuid, EventRow.file_sha256))}
        problems += [f"Event {uuid}: has a row, but no sound file." for uuid in sorted(rows.keys() - on_disk)]
        problems += [f"Event {uuid}: has a file, but no row." for uuid in sorted(on_disk.keys() - rows)]
        both = sorted(rows.keys() & on_disk)
        problems += [f"Event {uuid}: row and file differ." for uuid in both if rows[uuid] != on_disk[uuid]]
        items = session.scalars(select(ItemRow)).all()
        for item in items:
            said = content_of(events_of(session, item.uuid))
            if item.state == "withdrawn" and said is not None:
                problems.append(f"Item {item.uuid}: withdrawn, but its content is still there.")
            if item.state != "withdrawn" and (said is None or said.verdict != item.verdict):
                problems.append(f"Item {item.uuid}: the row does not say what its submission says.")
        return set(session.scalars(select(EventBlobRow.sha256))), len(items)


def _blob_problems(journal: Journal, blobs: list[str], used: set[str]) -> Iterator[str]:
    for digest in sorted(used - set(blobs)):
        yield f"Blob {digest}: in use, but not there."
    for digest in blobs:
        try:
            journal.blobs.read(digest)
        except StoreUnavailable as error:
            yield f"Blob {digest}: {error}"
