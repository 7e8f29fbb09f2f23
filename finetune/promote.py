"""Moving the champion: promotion, rollback, and what people decided on the page.

The event comes first, the pointer after it: a process killed between the two leaves an event that `settle`
carries out. The caller holds the lease.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence

from fakeshield_core.adapters import fits, move_champion, read_adapter, read_card, read_champion
from fakeshield_core.errors import AdapterIncompatible, RunRefused
from feedback.records import AdapterMove, Lease, Run, RunDecision
from feedback.runs import RunReport, latest
from feedback.store import FeedbackStore
from finetune.config import Places

log = logging.getLogger(__name__)

ENGINE = "compact"
MOVES = uuid.UUID("5f0b8a52-1f0e-4c0b-9a53-9f3ad7a3c1de")  # one possible promotion event for each run
MANY = 10_000  # runs that are looked through


def promote(store: FeedbackStore, places: Places, lease: Lease, run: Run, by: str) -> Run:
    """Makes the adapter of a run that waits for approval the champion.

    Raises:
        RunRefused: the run does not wait, or the champion has changed since it was compared with it.
        AdapterIncompatible: the adapter is damaged; nothing was moved.
    """
    if run.state != "waiting_for_approval" or run.adapter is None:
        raise RunRefused(f"Run {run.id} is {run.state}; only one that waits for approval can be promoted.")
    champion = read_champion(places.adapters)
    if champion not in (run.detail.get("parent"), run.adapter):
        raise RunRefused(
            f"{run.adapter} was not compared with the present champion ({champion or 'the base alone'}); "
            "run `python -m finetune run` again."
        )
    read_adapter(places.adapters / run.adapter)
    move = AdapterMove("promotion", run.adapter, run.release, by, str(run.detail.get("sentence", "")), "")
    store.record_move(move, str(uuid.uuid5(MOVES, run.id)))
    move_champion(places.adapters, run.adapter)
    log.info("%s is the champion now", run.adapter)
    return store.update_run(lease, run.id, RunReport("promoted", run.release, run.adapter, run.detail))


def rollback(store: FeedbackStore, places: Places, by: str, reason: str = "") -> str | None:
    """Goes back to the champion before this one; gives its digest, None for the base alone.

    Raises:
        RunRefused: the base alone is in use.
    """
    champion = read_champion(places.adapters)
    if champion is None:
        raise RunRefused("The base alone is in use; there is nothing to roll back.")
    before = previous(store.moves())
    if before is not None and not _usable(places, before, read_card(places.adapters / champion).base):
        before = None
    _move(store, places, AdapterMove("rollback", before, None, by, reason or f"back from {champion}", ""))
    return before


def previous(moves: Sequence[AdapterMove]) -> str | None:
    """The champion before the present one; None: the base alone."""
    stack: list[str] = []
    for move in moves:
        if move.kind == "promotion" and move.adapter is not None:
            stack.append(move.adapter)
            continue
        while stack and stack[-1] != move.adapter:
            stack.pop()
    return stack[-2] if len(stack) > 1 else None


def settle(store: FeedbackStore, places: Places, base: str) -> None:
    """Carries out the last recorded move, and resets a champion of other base weights to none.

    Args:
        base: digest of the base weights in use.
    """
    moves = store.moves()
    wanted = moves[-1].adapter if moves else None
    if wanted is not None and not _usable(places, wanted, base):
        reason = f"{wanted} does not fit the base weights {base}; train again"
        log.warning("the base alone is used: %s", reason)
        _move(store, places, AdapterMove("rollback", None, None, "finetune", reason, ""))
    elif _pointer(places) != wanted:
        log.warning("the champion pointer is moved to %s, as recorded", wanted or "the base alone")
        move_champion(places.adapters, wanted)


def act_on_decisions(store: FeedbackStore, places: Places, lease: Lease) -> list[Run]:
    """Carries out what people decided on the page; gives the runs that changed."""
    waiting = {run.id: run for run in store.runs(MANY) if run.state == "waiting_for_approval"}
    changed: list[Run] = []
    for decision in latest(store.run_decisions()).values():
        run = waiting.get(decision.run)
        if run is None:
            continue
        try:
            changed.append(_carried_out(store, places, lease, run, decision))
        except (RunRefused, AdapterIncompatible) as error:
            changed.append(refuse(store, lease, run, str(error)))
    return changed


def refuse(store: FeedbackStore, lease: Lease, run: Run, sentence: str) -> Run:
    """Ends a run without promotion, and says why."""
    detail = {**run.detail, "sentence": sentence}
    return store.update_run(lease, run.id, RunReport("refused", run.release, run.adapter, detail))


def _carried_out(store: FeedbackStore, places: Places, lease: Lease, run: Run, decision: RunDecision) -> Run:
    if decision.decision == "accept":
        return promote(store, places, lease, run, decision.by)
    return refuse(store, lease, run, f"Refused by {decision.by}; the champion stays.")


def _move(store: FeedbackStore, places: Places, move: AdapterMove) -> None:
    store.record_move(move)
    move_champion(places.adapters, move.adapter)


def _usable(places: Places, digest: str, base: str) -> bool:
    try:
        return fits(read_adapter(places.adapters / digest).card, ENGINE, base) is None
    except AdapterIncompatible as error:
        log.warning("%s", error)
        return False


def _pointer(places: Places) -> str | None:
    try:
        return read_champion(places.adapters)
    except AdapterIncompatible as error:
        return str(error)  # no digest: it is written anew
