"""Events: one small JSON file for each fact, `events/<uuid[:2]>/<uuid>.json`; rows are rebuilt from them."""

from __future__ import annotations

import dataclasses
import json
import uuid as uuids
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, cast

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import FeedbackInvalid, SchemaTooNew, StoreUnavailable
from feedback.blobs import digest_of
from feedback.durable import TEMPORARY, files_in, replace, translated, write_new
from feedback.records import JsonObject

SCHEMA = 1  # of the files; readers pass over unknown fields, a higher number is refused
SUFFIX = ".json"
EventKind = Literal[
    "submission", "rating", "review", "consent", "withdrawal", "role",
    "release", "decision", "promotion", "rollback",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. Ids and dates outlive an erasure, payload and blobs do not."""

    uuid: str
    kind: EventKind
    created_at: str  # ISO 8601, UTC, microseconds
    payload: JsonObject | None
    item: str | None = None  # uuid of the submission this is about
    receipt: str | None = None  # of a submission
    supersedes: str | None = None  # uuid of an earlier submission
    blobs: Mapping[str, str] = field(default_factory=dict)  # role -> SHA-256
    erased_by: str | None = None  # uuid of the withdrawal


def utc_now() -> str:
    """Now, as events are dated."""
    return _dated(datetime.now(UTC))


def date_after(newest: str | None) -> str:
    """Now, or just after this date where the clock was ahead when it was given."""
    now = utc_now()
    if newest is None or now > newest:
        return now
    return _dated(datetime.fromisoformat(newest) + timedelta(microseconds=1))


def new_uuid() -> str:
    """A random uuid as text."""
    return str(uuids.uuid4())


def read_uuid(text: str) -> str:
    """A uuid in its one usual spelling, which is also safe as a file name.

    Raises:
        FeedbackInvalid: this is none.
    """
    try:
        return str(uuids.UUID(text))
    except (ValueError, AttributeError, TypeError) as error:
        raise FeedbackInvalid("The request has no usable id; send a random UUID with it.") from error


def read_random_uuid(text: str) -> str:
    """The same for an id that a client made: at random, so that it is none of those we derive from names.

    Raises:
        FeedbackInvalid: this is no UUID of version 4.
    """
    uuid = read_uuid(text)
    if uuids.UUID(uuid).version != 4:
        raise FeedbackInvalid("The id of the request is not random; send a random UUID (version 4) with it.")
    return uuid


def canonical(document: JsonObject) -> bytes:
    """The one spelling of a JSON object: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def plain(record: object) -> dict[str, JsonValue]:
    """A dataclass as a JSON object, as it would be read back: lists for tuples."""
    document: dict[str, JsonValue] = json.loads(canonical(dataclasses.asdict(record)))  # type: ignore[call-overload]
    return document


def event_to_bytes(event: Event) -> bytes:
    """The content of the event's file; carries its own digest."""
    document = cast("dict[str, JsonValue]", dataclasses.asdict(event)) | {"schema": SCHEMA}
    return canonical(document | {"digest": digest_of(canonical(document))}) + b"\n"


def event_from_bytes(data: bytes) -> Event:
    """The event in a file.

    Raises:
        SchemaTooNew: a later version wrote it.
        StoreUnavailable: the file is torn or was changed.
    """
    try:
        document = json.loads(data)
        digest, schema = document.pop("digest"), document.pop("schema")
        intact = digest == digest_of(canonical(document | {"schema": schema}))
        known = {f.name: document[f.name] for f in dataclasses.fields(Event) if f.name in document}
        event = Event(**known)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreUnavailable("An event file is damaged; restore it from a backup.") from error
    if schema > SCHEMA:
        raise SchemaTooNew("This feedback was written by a later version; update the app.")
    if not intact:
        raise StoreUnavailable(f"The event {event.uuid} is damaged; restore it from a backup.")
    return event


def _dated(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


class EventFiles:
    """The folder of events."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, uuid: str) -> Path:
        """Where the event of that uuid lies."""
        return self.folder / uuid[:2] / (uuid + SUFFIX)

    def read(self, uuid: str) -> Event | None:
        """The event, None where there is none.

        Raises:
            SchemaTooNew, StoreUnavailable: as `event_from_bytes`.
        """
        try:
            with translated(self.path(uuid)):
                return event_from_bytes(self.path(uuid).read_bytes())
        except StoreUnavailable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise

    def write_new(self, event: Event) -> Event:
        """Writes the event and gives it back, or the one that was first under its uuid.

        Raises:
            StorageFull, StoreUnavailable: as `durable.write_new`.
        """
        if write_new(self.path(event.uuid), event_to_bytes(event)):
            return event
        first = self.read(event.uuid)
        if first is None:
            raise StoreUnavailable("The event folder changes under our hands; save again.")
        return first

    def replace(self, event: Event) -> None:
        """Writes the erased form over the event."""
        replace(self.path(event.uuid), event_to_bytes(event))

    def uuids(self) -> Iterator[str]:
        """Uuids of all events, sorted."""
        yield from (path.stem for path in files_in(self.folder) if path.suffix == SUFFIX)

    def leftovers(self) -> Iterator[Path]:
        """Temporary files of writers that died, or are writing now."""
        yield from (path for path in files_in(self.folder) if path.suffix == TEMPORARY)
