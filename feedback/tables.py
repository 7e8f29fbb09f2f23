"""The rows. Everything but leases and runs is derived from event files and can be rebuilt from them."""

from __future__ import annotations

from sqlalchemy import Double, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

UUID, DIGEST, DATE, NAME = String(36), String(64), String(27), String(200)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """Root of all tables."""


class EventRow(Base):
    """One event file that has reached the database."""

    __tablename__ = "event"
    uuid: Mapped[str] = mapped_column(UUID, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), index=True)
    item_uuid: Mapped[str | None] = mapped_column(UUID, index=True)  # no foreign key: a review may come first
    created_at: Mapped[str] = mapped_column(DATE)  # ISO 8601 text sorts as time and keeps its zone
    payload: Mapped[str | None] = mapped_column(Text)  # canonical JSON; None once erased
    erased_by: Mapped[str | None] = mapped_column(UUID)
    file_sha256: Mapped[str] = mapped_column(DIGEST)


class EventBlobRow(Base):
    """A blob an event refers to: what keeps it from being removed."""

    __tablename__ = "event_blob"
    event_uuid: Mapped[str] = mapped_column(ForeignKey("event.uuid"), primary_key=True)
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    sha256: Mapped[str] = mapped_column(DIGEST, index=True)


class ItemRow(Base):
    """A correction as it stands: the fold of all events about it."""

    __tablename__ = "item"
    uuid: Mapped[str] = mapped_column(ForeignKey("event.uuid"), primary_key=True)
    receipt: Mapped[str] = mapped_column(String(12), unique=True)
    created_at: Mapped[str] = mapped_column(DATE)
    state: Mapped[str] = mapped_column(String(20))
    store: Mapped[bool]
    train: Mapped[bool]
    publish: Mapped[bool]
    verdict: Mapped[str | None] = mapped_column(String(30))
    overall_rating: Mapped[int | None]
    contributor: Mapped[str | None] = mapped_column(NAME, index=True)
    supersedes: Mapped[str | None] = mapped_column(UUID, index=True)
    erasure_pending: Mapped[bool] = mapped_column(index=True)

    __table_args__ = (Index("ix_item_state_created_at", "state", "created_at"),)


class RoleRow(Base):
    """What a person may do; the last role event wins."""

    __tablename__ = "role"
    person: Mapped[str] = mapped_column(NAME, primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    event_uuid: Mapped[str] = mapped_column(ForeignKey("event.uuid"))


class ReleaseRow(Base):
    """A release; its manifest is the payload of its event."""

    __tablename__ = "release"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_uuid: Mapped[str] = mapped_column(ForeignKey("event.uuid"))
    manifest_sha256: Mapped[str] = mapped_column(DIGEST)


class ReleaseItemRow(Base):
    """An item in a release, and the group and split it has there for good."""

    __tablename__ = "release_item"
    release_number: Mapped[int] = mapped_column(ForeignKey("release.number"), primary_key=True)
    item_uuid: Mapped[str] = mapped_column(UUID, primary_key=True, index=True)
    group_name: Mapped[str] = mapped_column(UUID)
    split: Mapped[str] = mapped_column(String(10))


class LeaseRow(Base):
    """Who is the only one now. Not derived from events."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(NAME)
    fence: Mapped[int]
    expires_at: Mapped[float] = mapped_column(Double)


class RunRow(Base):
    """One retraining, as its process reports it. Not derived from events."""

    __tablename__ = "run"
    id: Mapped[str] = mapped_column(UUID, primary_key=True)
    created_at: Mapped[str] = mapped_column(DATE, index=True)
    updated_at: Mapped[str] = mapped_column(DATE)
    state: Mapped[str] = mapped_column(String(30))
    release: Mapped[int | None]
    adapter: Mapped[str | None] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text)
