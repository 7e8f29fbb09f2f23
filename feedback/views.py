"""Rows to frozen records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from fakeshield_core.errors import UnknownReceipt
from feedback.content import claim_ratings_from_json
from feedback.grouping import Place
from feedback.intake import ANALYSIS, MASK, PICTURE
from feedback.projection import content_of, events_of, review_of
from feedback.records import (
    AdapterMove,
    Consent,
    Item,
    ItemState,
    JsonObject,
    Release,
    RunDecision,
    Split,
    Stats,
)
from feedback.releases import release_from_json, release_uuid
from feedback.tables import EventBlobRow, EventRow, ItemRow, ReleaseItemRow, ReleaseRow, RunRow


def row_of(session: Session, receipt: str) -> ItemRow | None:
    """The item of a receipt code, None where there is none."""
    return session.scalar(select(ItemRow).where(ItemRow.receipt == receipt))


def item_of(session: Session, row: ItemRow) -> Item:
    """The item with everything that is kept of it."""
    events = events_of(session, row.uuid)
    query = select(EventBlobRow.role, EventBlobRow.sha256).where(EventBlobRow.event_uuid == row.uuid)
    blobs = {role: sha256 for role, sha256 in session.execute(query)}
    withdrawn = row.state == "withdrawn"
    return Item(
        uuid=row.uuid,
        receipt=row.receipt,
        created_at=row.created_at,
        state=cast("ItemState", row.state),
        consent=Consent(row.store, row.train, row.publish),
        content=None if withdrawn else content_of(events),
        picture_sha256=None if withdrawn else blobs.get(PICTURE),
        mask_sha256=None if withdrawn else blobs.get(MASK),
        analysis_sha256=None if withdrawn else blobs.get(ANALYSIS),
        review=None if withdrawn else review_of(events),
        supersedes=row.supersedes,
    )


def items_in(
    session: Session, states: Iterable[ItemState], only_train: bool = False, most: int | None = None
) -> list[Item]:
    """Items in these states, oldest first."""
    query = select(ItemRow).where(ItemRow.state.in_(tuple(states)))
    if only_train:
        query = query.where(ItemRow.train, ItemRow.store)
    rows = session.scalars(query.order_by(ItemRow.created_at, ItemRow.uuid).limit(most)).all()
    return [item_of(session, row) for row in rows]


def releases_with(session: Session, item: str) -> tuple[int, ...]:
    """Numbers of the releases an item is in."""
    query = select(ReleaseItemRow.release_number).where(ReleaseItemRow.item_uuid == item)
    return tuple(sorted(session.scalars(query)))


def adapters_from(session: Session, releases: Sequence[int]) -> tuple[str, ...]:
    """Digests of adapters that were trained on one of these releases, promoted or not."""
    runs = session.scalars(select(RunRow.adapter).where(RunRow.release.in_(releases)))
    promoted = (move.adapter for move in moves(session) if move.release in releases)
    return tuple(sorted({adapter for adapter in (*runs, *promoted) if adapter is not None}))


def places(session: Session) -> dict[str, Place]:
    """Group and split that the latest release gave each item."""
    query = select(ReleaseItemRow).order_by(ReleaseItemRow.release_number)
    return {row.item_uuid: Place(row.group_name, cast("Split", row.split)) for row in session.scalars(query)}


def releases(session: Session) -> list[Release]:
    """All releases by number."""
    query = select(EventRow.payload).join(ReleaseRow, ReleaseRow.event_uuid == EventRow.uuid)
    payloads = session.scalars(query.order_by(ReleaseRow.number))
    return [release_from_json(json.loads(payload)) for payload in payloads if payload is not None]


def next_release_number(session: Session) -> int:
    """The number after the last release; one whose event file holds something else is passed over.

    Such files can be in stores from before a client's UUID had to be random.
    """
    number = (session.scalar(select(func.max(ReleaseRow.number))) or 0) + 1
    while session.get(EventRow, release_uuid(number)) is not None:
        number += 1
    return number


def moves(session: Session) -> list[AdapterMove]:
    """Promotions and rollbacks, oldest first."""
    return [
        AdapterMove(
            kind=event.kind,  # type: ignore[arg-type]  # one of the two asked for
            adapter=cast("str | None", payload["adapter"]),
            release=cast("int | None", payload["release"]),
            by=str(payload["by"]),
            reason=str(payload["reason"]),
            created_at=event.created_at,
        )
        for event, payload in _said(session, ("promotion", "rollback"))
    ]


def decisions(session: Session) -> list[RunDecision]:
    """What people decided about runs, oldest first."""
    return [
        RunDecision(str(said["run"]), said["decision"], str(said["by"]), event.created_at)  # type: ignore[arg-type]
        for event, said in _said(session, ("decision",))
    ]


def stats(session: Session, blob_sizes: Sequence[int]) -> Stats:
    """The store in numbers; sizes of blobs in bytes."""
    contents = [payload for _, payload in _said(session, ("submission", "rating"))]
    overall = [cast("int", said["overall_rating"]) for said in contents if said["overall_rating"] is not None]
    claims = Counter(r.rating for said in contents for r in claim_ratings_from_json(said["claim_ratings"]))
    trainable = select(func.count()).where(ItemRow.state == "accepted", ItemRow.train)
    champions = moves(session)
    return Stats(
        items=_counted(session, ItemRow.state),
        verdicts=_counted(session, ItemRow.verdict),
        trainable=session.scalar(trainable) or 0,
        contributors=session.scalar(select(func.count(ItemRow.contributor.distinct()))) or 0,
        ratings=len(overall),
        mean_rating=sum(overall) / len(overall) if overall else None,
        claim_ratings=dict(sorted(claims.items())),
        events=session.scalar(select(func.count()).select_from(EventRow)) or 0,
        blobs=len(blob_sizes),
        blob_bytes=sum(blob_sizes),
        releases=session.scalar(select(func.count()).select_from(ReleaseRow)) or 0,
        champion=champions[-1].adapter if champions else None,
        last_event_at=session.scalar(select(func.max(EventRow.created_at))),
    )


def known(row: ItemRow | None) -> ItemRow:
    """The row.

    Raises:
        UnknownReceipt: there is none.
    """
    if row is None:
        raise UnknownReceipt("No item has this receipt code; check it against the receipt.")
    return row


def _said(session: Session, kinds: Sequence[str]) -> list[tuple[EventRow, JsonObject]]:
    query = select(EventRow).where(EventRow.kind.in_(kinds), EventRow.payload.is_not(None))
    rows = session.scalars(query.order_by(EventRow.created_at, EventRow.uuid))
    return [(row, json.loads(row.payload or "{}")) for row in rows]


def _counted(
    session: Session, column: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
) -> dict[str, int]:
    query = select(column, func.count()).where(column.is_not(None)).group_by(column).order_by(column)
    return {str(value): count for value, count in session.execute(query)}
