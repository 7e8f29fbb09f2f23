"""Events to rows. The row of an item is the fold of all its events, in whatever order they arrive."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from fakeshield_core.domain import JsonValue
from feedback.blobs import digest_of
from feedback.content import consent_from_json, content_from_json
from feedback.events import Event, canonical, event_to_bytes
from feedback.records import Consent, Content, ItemState, JsonObject, ReviewMark
from feedback.tables import EventBlobRow, EventRow, ItemRow, ReleaseItemRow, ReleaseRow, RoleRow

NOTHING = Consent()


def apply_event(session: Session, event: Event) -> bool:
    """Adds the event's rows; False, and nothing changed, where it has been applied before."""
    if session.get(EventRow, event.uuid) is not None:
        return False
    session.add(
        EventRow(
            uuid=event.uuid,
            kind=event.kind,
            item_uuid=event.item,
            created_at=event.created_at,
            payload=None if event.payload is None else canonical(event.payload).decode(),
            erased_by=event.erased_by,
            file_sha256=digest_of(event_to_bytes(event)),
        )
    )
    session.flush()
    session.add_all(
        EventBlobRow(event_uuid=event.uuid, role=role, sha256=sha256) for role, sha256 in event.blobs.items()
    )
    if event.kind == "submission":
        _add_item(session, event)
    elif event.kind == "role":
        _project_role(session, event)
    elif event.kind == "release":
        _add_release(session, event)
    if event.item is not None:
        project_item(session, event.item)
    return True


def project_item(session: Session, uuid: str) -> None:
    """Brings the item's row up to date with its events; nothing where its submission has not come yet."""
    row = session.get(ItemRow, uuid)
    if row is None:
        return
    session.flush()
    events = events_of(session, uuid)
    withdrawn = any(event.kind == "withdrawal" for event in events)
    content = None if withdrawn else content_of(events)
    consent = NOTHING if content is None else _consent(events, content)
    kept = None if content is None else content.kept
    superseded = session.scalar(select(exists().where(ItemRow.supersedes == uuid)))
    row.state = _state(withdrawn, content, bool(superseded), review_of(events))
    row.store, row.train, row.publish = consent.store, consent.train, consent.publish
    row.verdict = None if content is None else content.verdict
    row.overall_rating = None if content is None else content.overall_rating
    row.contributor = None if kept is None else kept.contributor
    row.erasure_pending = withdrawn and any(says_something(event) for event in events)


def events_of(session: Session, uuid: str) -> Sequence[EventRow]:
    """All events about an item, oldest first; the submission is one of them."""
    query = select(EventRow).where(EventRow.item_uuid == uuid).order_by(EventRow.created_at, EventRow.uuid)
    return session.scalars(query).all()


def newest_date(session: Session, item: str | None) -> str | None:
    """Date of the last event about an item (None: about no item), None where there is none."""
    return session.scalar(select(func.max(EventRow.created_at)).where(EventRow.item_uuid == item))


def says_something(event: EventRow) -> bool:
    """Whether the event of a withdrawn item still has to be erased."""
    return event.kind != "withdrawal" and event.erased_by is None


def content_of(events: Sequence[EventRow]) -> Content | None:
    """What the submission says, None once erased."""
    payload = next((_payload(event) for event in events if event.kind == "submission"), None)
    return None if payload is None else content_from_json(payload)


def review_of(events: Sequence[EventRow]) -> ReviewMark | None:
    """The last review that is not erased."""
    marks = [(event, _payload(event)) for event in events if event.kind == "review"]
    said = [(event, payload) for event, payload in marks if payload is not None]
    if not said:
        return None
    event, payload = said[-1]
    return ReviewMark(
        decision=payload["decision"],  # type: ignore[arg-type]  # written by the store
        reviewer=str(payload["reviewer"]),
        reason=str(payload["reason"]),
        created_at=event.created_at,
    )


def _state(
    withdrawn: bool, content: Content | None, superseded: bool, review: ReviewMark | None
) -> ItemState:
    if withdrawn or content is None:
        return "withdrawn"
    if content.kept is None:
        return "ratings_only"
    if superseded:
        return "superseded"
    if review is None:
        return "quarantined"
    return "accepted" if review.decision == "accept" else "rejected"


def _consent(events: Sequence[EventRow], content: Content) -> Consent:
    changes = [payload for event in events if event.kind == "consent" and (payload := _payload(event))]
    return consent_from_json(changes[-1]) if changes else content.consent


def _payload(event: EventRow) -> JsonObject | None:
    return None if event.payload is None else cast("JsonObject", json.loads(event.payload))


def _add_item(session: Session, event: Event) -> None:
    session.add(
        ItemRow(
            uuid=event.uuid,
            receipt=event.receipt or "",
            created_at=event.created_at,
            state="quarantined",
            store=False,
            train=False,
            publish=False,
            verdict=None,
            overall_rating=None,
            contributor=None,
            supersedes=event.supersedes,
            erasure_pending=False,
        )
    )
    session.flush()
    if event.supersedes is not None:
        project_item(session, event.supersedes)


def _project_role(session: Session, event: Event) -> None:
    payload = event.payload or {}
    person, role = str(payload["person"]), str(payload["role"])
    row = session.get(RoleRow, person)
    if row is None:
        session.add(RoleRow(person=person, role=role, event_uuid=event.uuid))
        return
    last = session.get_one(EventRow, row.event_uuid)
    if (last.created_at, last.uuid) < (event.created_at, event.uuid):
        row.role, row.event_uuid = role, event.uuid


def _add_release(session: Session, event: Event) -> None:
    manifest = event.payload or {}
    number = cast("int", manifest["number"])
    session.add(
        ReleaseRow(number=number, event_uuid=event.uuid, manifest_sha256=digest_of(canonical(manifest)))
    )
    session.flush()
    session.add_all(
        ReleaseItemRow(
            release_number=number,
            item_uuid=str(item["uuid"]),
            group_name=str(item["group"]),
            split=str(item["split"]),
        )
        for item in cast("list[dict[str, JsonValue]]", manifest["items"])
    )
