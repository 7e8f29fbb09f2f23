"""Leases and run records: what a retraining says of itself. Not events; a restore begins without them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from fakeshield_core.errors import StoreUnavailable
from feedback.events import canonical, new_uuid, utc_now
from feedback.records import JsonObject, Lease, Run, RunDecision, RunState
from feedback.tables import LeaseRow, RunRow


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run says at one moment."""

    state: RunState
    release: int | None
    adapter: str | None
    detail: JsonObject


def latest(decisions: Iterable[RunDecision]) -> dict[str, RunDecision]:
    """The last decision about each run, by the run's id."""
    return {decision.run: decision for decision in decisions}


def take_lease(session: Session, name: str, holder: str, now: float, seconds: float) -> Lease | None:
    """The lease with a fence higher than any before; None while another holder's has not run out."""
    row = session.get(LeaseRow, name)
    if row is not None and row.expires_at > now:
        return None
    if row is None:
        row = LeaseRow(name=name, holder=holder, fence=0, expires_at=0.0)
        session.add(row)
    row.holder, row.fence, row.expires_at = holder, row.fence + 1, now + seconds
    return Lease(name, holder, row.fence, row.expires_at)


def extend_lease(session: Session, lease: Lease, now: float, seconds: float) -> Lease:
    """The same lease, running out later; with `seconds` 0 it ends now.

    Raises:
        StoreUnavailable: somebody else has it since.
    """
    check_lease(session, lease)
    row = session.get_one(LeaseRow, lease.name)
    row.expires_at = now + seconds
    return Lease(lease.name, lease.holder, lease.fence, row.expires_at)


def check_lease(session: Session, lease: Lease) -> None:
    """Nobody has taken the lease since.

    Raises:
        StoreUnavailable: somebody has; what the caller was about to write must not be written.
    """
    row = session.get(LeaseRow, lease.name)
    if row is None or row.fence != lease.fence:
        raise StoreUnavailable(f"Another process has taken over {lease.name}; stop this one.")


def add_run(session: Session, report: RunReport) -> Run:
    """A new run."""
    now = utc_now()
    row = RunRow(
        id=new_uuid(),
        created_at=now,
        updated_at=now,
        state=report.state,
        release=report.release,
        adapter=report.adapter,
        detail=canonical(report.detail).decode(),
    )
    session.add(row)
    return _run(row)


def update_run(session: Session, run: str, report: RunReport) -> Run:
    """The run as it stands now.

    Raises:
        StoreUnavailable: there is no such run.
    """
    row = session.get(RunRow, run)
    if row is None:
        raise StoreUnavailable(f"There is no run {run}; `python -m finetune status` lists them.")
    row.updated_at, row.state = utc_now(), report.state
    row.release, row.adapter = report.release, report.adapter
    row.detail = canonical(report.detail).decode()
    return _run(row)


def all_runs(session: Session, newest: int) -> Sequence[Run]:
    """The newest runs, newest first."""
    query = select(RunRow).order_by(RunRow.created_at.desc(), RunRow.id).limit(newest)
    return [_run(row) for row in session.scalars(query)]


def _run(row: RunRow) -> Run:
    return Run(
        id=row.id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        state=cast("RunState", row.state),
        release=row.release,
        adapter=row.adapter,
        detail=json.loads(row.detail),
    )
