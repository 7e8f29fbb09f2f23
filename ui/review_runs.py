"""Adapters that wait for a person, as HTML. The decision is written down; retraining acts on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from feedback.events import new_uuid
from feedback.records import Decision, Run, RunDecision
from ui.pages import button, facts, hidden
from ui.review_access import Session
from ui.review_pages import ADDRESS
from ui.words_pages import told

WAITING: Final = "waiting_for_approval"
DECISIONS: Final[Mapping[str, Decision]] = {"promote": "accept", "refuse": "reject"}  # by the form's action


def waiting(runs: Iterable[Run]) -> list[Run]:
    """Those that passed the gate and wait."""
    return [run for run in runs if run.state == WAITING]


def section(runs: Sequence[Run], decided: Mapping[str, RunDecision], session: Session) -> str:
    """A card for each run that waits; empty where none does.

    Args:
        runs: of `waiting`.
        decided: of `runs.latest`.
        session: of the reviewer.
    """
    if not runs:
        return ""
    cards = "".join(_card(run, decided.get(run.id), session) for run in runs)
    return f"<h2>{escape(told('runs_title'))}</h2>{cards}"


def _card(run: Run, decision: RunDecision | None, session: Session) -> str:
    rows = (
        (told("run_trained"), run.created_at[:16].replace("T", " ") + " UTC"),
        (told("run_release"), str(run.release or "–")),
        (told("run_gate"), str(run.detail.get("sentence") or "–")),
    )
    return (
        f'<section class="card run"><h3>{escape(run.adapter or run.id)}</h3>{facts(rows)}'
        f"{_form(run, session) if decision is None else _decided(decision)}</section>"
    )


def _form(run: Run, session: Session) -> str:
    fields = hidden(key=session.form_key, run=run.id, request=new_uuid())
    return (
        f'<form method="post" action="{ADDRESS}">{fields}<div class="row">'
        f"{button('promote', told('run_promote'), is_primary=True)}{button('refuse', told('run_refuse'))}"
        "</div></form>"
    )


def _decided(decision: RunDecision) -> str:
    said = told(f"run_said_{decision.decision}", by=decision.by)
    return f"<p>{escape(said)}</p>"
