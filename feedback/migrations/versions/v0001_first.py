"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

UUID, DIGEST, DATE, NAME = sa.String(36), sa.String(64), sa.String(27), sa.String(200)


def upgrade() -> None:
    """Makes every table of version 0.1."""
    _make_events()
    _make_items()
    _make_releases()
    _make_runs()


def _make_events() -> None:
    op.create_table(
        "event",
        sa.Column("uuid", UUID, primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False, index=True),
        sa.Column("item_uuid", UUID, index=True),
        sa.Column("created_at", DATE, nullable=False),
        sa.Column("payload", sa.Text),
        sa.Column("erased_by", UUID),
        sa.Column("file_sha256", DIGEST, nullable=False),
    )
    op.create_table(
        "event_blob",
        sa.Column("event_uuid", UUID, sa.ForeignKey("event.uuid"), primary_key=True),
        sa.Column("role", sa.String(20), primary_key=True),
        sa.Column("sha256", DIGEST, nullable=False, index=True),
    )
    op.create_table(
        "role",
        sa.Column("person", NAME, primary_key=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("event_uuid", UUID, sa.ForeignKey("event.uuid"), nullable=False),
    )


def _make_items() -> None:
    op.create_table(
        "item",
        sa.Column("uuid", UUID, sa.ForeignKey("event.uuid"), primary_key=True),
        sa.Column("receipt", sa.String(12), nullable=False, unique=True),
        sa.Column("created_at", DATE, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("store", sa.Boolean, nullable=False),
        sa.Column("train", sa.Boolean, nullable=False),
        sa.Column("publish", sa.Boolean, nullable=False),
        sa.Column("verdict", sa.String(30)),
        sa.Column("overall_rating", sa.Integer),
        sa.Column("contributor", NAME, index=True),
        sa.Column("supersedes", UUID, index=True),
        sa.Column("erasure_pending", sa.Boolean, nullable=False, index=True),
    )
    op.create_index("ix_item_state_created_at", "item", ["state", "created_at"])


def _make_releases() -> None:
    op.create_table(
        "release",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("event_uuid", UUID, sa.ForeignKey("event.uuid"), nullable=False),
        sa.Column("manifest_sha256", DIGEST, nullable=False),
    )
    op.create_table(
        "release_item",
        sa.Column("release_number", sa.Integer, sa.ForeignKey("release.number"), primary_key=True),
        sa.Column("item_uuid", UUID, primary_key=True, index=True),
        sa.Column("group_name", UUID, nullable=False),
        sa.Column("split", sa.String(10), nullable=False),
    )


def _make_runs() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("holder", NAME, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
    )
    op.create_table(
        "run",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("created_at", DATE, nullable=False, index=True),
        sa.Column("updated_at", DATE, nullable=False),
        sa.Column("state", sa.String(30), nullable=False),
        sa.Column("release", sa.Integer),
        sa.Column("adapter", sa.String(64)),
        sa.Column("detail", sa.Text, nullable=False),
    )
