"""Champions come and go: events first, the pointer after them, and nothing that was decided twice."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakeshield_core.adapters import POINTER, move_champion, read_champion
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import AdapterIncompatible, RunRefused
from feedback.records import AdapterMove, Lease, ReleaseRules, Run, RunState
from feedback.runs import RunReport
from feedback.store import FeedbackStore
from finetune import commands, schedule
from finetune.__main__ import build_parser
from finetune.config import Places
from finetune.lease import NAME, held
from finetune.promote import act_on_decisions, previous, promote, rollback, settle
from finetune.status import described, status
from tests.adapter_folders import write_adapter_folder
from tests.feedback_fakes import accepted

BASE = "a" * 12
LAYERS = {"layer": (3, 4)}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeedbackStore]:
    with FeedbackStore.open(tmp_path / "feedback") as opened:
        yield opened


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


@pytest.fixture
def lease(store: FeedbackStore) -> Lease:
    taken = store.take_lease(NAME, "test", 600.0)
    assert taken is not None
    return taken


def adapter(places: Places, seed: int = 0, base: str = BASE) -> str:
    return write_adapter_folder(places.adapters, base, LAYERS, seed)


def waiting(
    store: FeedbackStore, lease: Lease, digest: str, parent: str | None = None, state: RunState | None = None
) -> Run:
    detail: dict[str, JsonValue] = {"parent": parent, "sentence": "Passed: it gains."}
    return store.start_run(lease, RunReport(state or "waiting_for_approval", 1, digest, detail))


def test_a_promotion_is_recorded_and_moves_the_pointer(
    store: FeedbackStore, places: Places, lease: Lease
) -> None:
    digest = adapter(places)
    run = promote(store, places, lease, waiting(store, lease, digest), "eve")
    assert run.state == "promoted" and read_champion(places.adapters) == digest
    move = store.moves()[-1]
    assert (move.kind, move.adapter, move.release, move.by) == ("promotion", digest, 1, "eve")
    assert move.reason == "Passed: it gains."


def test_rollbacks_go_back_one_by_one_to_the_base(store: FeedbackStore, places: Places, lease: Lease) -> None:
    first, second = adapter(places), adapter(places, 1)
    promote(store, places, lease, waiting(store, lease, first), "eve")
    promote(store, places, lease, waiting(store, lease, second, parent=first), "eve")
    assert rollback(store, places, "eve") == first == read_champion(places.adapters)
    assert rollback(store, places, "eve") is None and read_champion(places.adapters) is None
    with pytest.raises(RunRefused, match="nothing to roll back"):
        rollback(store, places, "eve")
    assert [move.adapter for move in store.moves()] == [first, second, first, None]


@pytest.mark.parametrize(
    ("moves", "before"),
    [("", None), ("+a", None), ("+a +b", "a"), ("+a +b -a", None), ("+a +b -a +c", "a"), ("+a - +b", None)],
)
def test_the_champion_before_is_found_in_the_moves(moves: str, before: str | None) -> None:
    made = [
        AdapterMove("promotion" if said[0] == "+" else "rollback", said[1:] or None, None, "", "", "")
        for said in moves.split()
    ]
    assert previous(made) == before


@pytest.mark.parametrize("state", ["running", "promoted", "refused", "failed"])
def test_only_a_run_that_waits_can_be_promoted(
    store: FeedbackStore, places: Places, lease: Lease, state: RunState
) -> None:
    run = waiting(store, lease, adapter(places), state=state)
    with pytest.raises(RunRefused, match=f"is {state}"):
        promote(store, places, lease, run, "eve")
    assert store.moves() == [] and read_champion(places.adapters) is None


def test_a_run_compared_with_another_champion_is_not_promoted(
    store: FeedbackStore, places: Places, lease: Lease
) -> None:
    first, second = adapter(places), adapter(places, 1)
    late = waiting(store, lease, second, parent=None)
    promote(store, places, lease, waiting(store, lease, first), "eve")
    with pytest.raises(RunRefused, match="not compared with the present champion"):
        promote(store, places, lease, late, "eve")
    assert read_champion(places.adapters) == first


def test_a_damaged_adapter_is_not_promoted(store: FeedbackStore, places: Places, lease: Lease) -> None:
    digest = adapter(places)
    (places.adapters / digest / "adapter_config.json").unlink()
    with pytest.raises(AdapterIncompatible):
        promote(store, places, lease, waiting(store, lease, digest), "eve")
    assert store.moves() == [] and read_champion(places.adapters) is None


def test_a_move_that_was_cut_off_after_its_event_is_carried_out(store: FeedbackStore, places: Places) -> None:
    digest = adapter(places)
    store.record_move(AdapterMove("promotion", digest, 1, "eve", "", ""))
    settle(store, places, BASE)
    assert read_champion(places.adapters) == digest and len(store.moves()) == 1


def test_a_torn_pointer_is_written_anew(store: FeedbackStore, places: Places, lease: Lease) -> None:
    digest = adapter(places)
    promote(store, places, lease, waiting(store, lease, digest), "eve")
    (places.adapters / POINTER).write_text("{")
    settle(store, places, BASE)
    assert read_champion(places.adapters) == digest


def test_new_base_weights_reset_the_champion_and_keep_its_folder(
    store: FeedbackStore, places: Places, lease: Lease
) -> None:
    digest = adapter(places)
    promote(store, places, lease, waiting(store, lease, digest), "eve")
    settle(store, places, "b" * 12)
    assert read_champion(places.adapters) is None and (places.adapters / digest / POINTER).parent.is_dir()
    assert "does not fit the base weights bbbbbbbbbbbb" in store.moves()[-1].reason
    settle(store, places, "b" * 12)
    assert len(store.moves()) == 2


def test_a_rollback_skips_an_adapter_of_another_base(
    store: FeedbackStore, places: Places, lease: Lease
) -> None:
    old, new = adapter(places, base="c" * 12), adapter(places, 1)
    promote(store, places, lease, waiting(store, lease, old), "eve")
    promote(store, places, lease, waiting(store, lease, new, parent=old), "eve")
    assert rollback(store, places, "eve") is None


def test_what_was_decided_on_the_page_is_carried_out_once(
    store: FeedbackStore, places: Places, lease: Lease
) -> None:
    good, bad = waiting(store, lease, adapter(places)), waiting(store, lease, adapter(places, 1))
    store.decide_run(good.id, "reject", "eve")
    store.decide_run(good.id, "accept", "ann")
    store.decide_run(bad.id, "reject", "eve")
    changed = {run.id: run for run in act_on_decisions(store, places, lease)}
    assert changed[good.id].state == "promoted" and store.moves()[-1].by == "ann"
    assert changed[bad.id].state == "refused" and "Refused by eve" in str(changed[bad.id].detail["sentence"])
    assert act_on_decisions(store, places, lease) == []


def test_an_approval_that_comes_too_late_ends_the_run_with_its_reason(
    store: FeedbackStore, places: Places, lease: Lease
) -> None:
    first, second = adapter(places), adapter(places, 1)
    late = waiting(store, lease, second)
    promote(store, places, lease, waiting(store, lease, first), "eve")
    store.decide_run(late.id, "accept", "ann")
    (run,) = act_on_decisions(store, places, lease)
    assert run.state == "refused" and "present champion" in str(run.detail["sentence"])


def arguments(*given: str) -> argparse.Namespace:
    return build_parser().parse_args(given)


def test_promote_carries_out_a_rejection_instead_of_approving(store: FeedbackStore, places: Places) -> None:
    with held(store) as heartbeat:
        run = waiting(store, heartbeat.lease, adapter(places))
    store.decide_run(run.id, "reject", "eve")
    outcome = commands.promote_run(arguments("promote"), store, places)
    assert outcome.exit_code == 0 and read_champion(places.adapters) is None
    assert store.runs(1)[0].state == "refused"


def test_promote_decided_does_nothing_without_a_decision(store: FeedbackStore, places: Places) -> None:
    with held(store) as heartbeat:
        waiting(store, heartbeat.lease, adapter(places))
    outcome = commands.promote_run(arguments("promote", "--decided"), store, places)
    assert outcome.text == "Nothing was decided." and store.runs(1)[0].state == "waiting_for_approval"


def test_the_lease_is_let_go_and_lost_to_whoever_takes_it(store: FeedbackStore) -> None:
    with held(store), pytest.raises(RunRefused, match="at work"), held(store):
        raise AssertionError("two at once")
    with held(store, 600.0) as heartbeat:
        store.extend_lease(heartbeat.lease, 0.0)
        taken = store.take_lease(NAME, "another", 600.0)
        assert taken is not None
        with pytest.raises(Exception, match="taken over"):
            store.extend_lease(heartbeat.lease, 600.0)
    store.extend_lease(taken, 0.0)


@pytest.mark.parametrize("seconds", ["0", "-60", "4.9", "86401", "inf", "nan", "soon"])
@pytest.mark.parametrize("command", ["run", "promote", "rollback", "schedule"])
def test_a_lease_too_short_or_too_long_is_refused_before_anything_is_done(
    command: str, seconds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        arguments(command, f"--lease={seconds}")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "a lease lasts from 5 to 86400 seconds; give such as 60." in told or "soon is no number" in told


def test_a_lease_of_five_seconds_is_long_enough() -> None:
    assert arguments("run", "--lease", "5").lease == 5.0 and arguments("run").lease == 60.0


def test_status_names_champion_runs_and_a_broken_pointer(
    store: FeedbackStore, places: Places, lease: Lease
) -> None:
    assert described(status(store, places)) == "champion: the base alone\ncorrections that may train: 0"
    detail: dict[str, JsonValue] = {"phase": "training", "step": 40, "steps": 240, "eta_s": 35.2}
    store.start_run(lease, RunReport("running", 3, None, detail))
    move_champion(places.adapters, digest := adapter(places))
    text = described(status(store, places))
    assert f"champion: {digest}" in text and "training, step 40 of 240, about 35 s left" in text
    (places.adapters / POINTER).write_text("{")
    assert "problem: champion.json" in described(status(store, places))


NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_a_run_is_due_when_enough_was_accepted(store: FeedbackStore) -> None:
    plan = schedule.Plan(hours=24, least=3)
    accepted(store, 2)
    assert not schedule.is_due(store, plan, NOW)
    accepted(store, 1, first_seed=2)
    assert schedule.is_due(store, plan, NOW)
    store.create_release(ReleaseRules(max_share=1.0))
    assert schedule.fresh(store) == 0 and not schedule.is_due(store, plan, NOW)


def test_a_run_waits_for_its_hours_and_a_stopped_one_does_not(store: FeedbackStore, lease: Lease) -> None:
    accepted(store, 3)
    plan = schedule.Plan(hours=24, least=3)
    run = store.start_run(lease, RunReport("refused", 1, None, {}))
    began = datetime.fromisoformat(run.created_at)
    assert not schedule.is_due(store, plan, began + timedelta(hours=23))
    assert schedule.is_due(store, plan, began + timedelta(hours=25))
    store.update_run(lease, run.id, RunReport("running", 1, None, {}))
    assert schedule.is_due(store, plan, began)


def test_the_loop_outlives_a_turn_that_fails_and_stops_when_told() -> None:
    turns: list[int] = []

    def turn() -> None:
        turns.append(len(turns))
        if len(turns) == 1:
            raise RuntimeError("once")

    schedule.keep(turn, lambda _: len(turns) == 3)
    assert turns == [0, 1, 2]


def test_the_cron_line_holds_what_was_planned(store: FeedbackStore, places: Places) -> None:
    outcome = commands.run_schedule(arguments("schedule", "--every", "12", "--least", "5"), store, places)
    assert outcome.text.startswith("0 * * * * cd ")
    assert outcome.text.endswith(" -m finetune schedule --once --every 12 --least 5")


def test_the_cron_line_runs_with_the_settings_that_were_typed(
    store: FeedbackStore, places: Places, tmp_path: Path
) -> None:
    own = ["--steps", "300", "--approve", "auto", "--holdout-share", "0.2", "--lease", "120"]
    own += ["--photographs", f"{tmp_path}/50%"]
    line = commands.run_schedule(arguments("schedule", *own), store, places).text
    words = [word.replace("\\%", "%") for word in shlex.split(line.partition("&& ")[2], posix=True)]
    again = arguments(*words[words.index("finetune") + 1 :])
    assert again.once and again.lease == 120.0
    assert commands.config_of(again) == commands.config_of(arguments("schedule", *own))
    assert "\\%" in line and "%" not in line.replace("\\%", "")  # cron ends a line at a bare %


@pytest.mark.parametrize("how", ["--once", "--loop", None])
@pytest.mark.parametrize(
    "setting",
    ["--every=0", "--every=nan", "--every=inf", "--least=0", "--steps=0", "--max-share=0", "--max-share=nan"],
)
def test_a_schedule_with_a_bad_setting_is_refused_before_its_first_turn(
    store: FeedbackStore, places: Places, setting: str, how: str | None
) -> None:
    asked = ["schedule", setting, *([how] if how else [])]
    with pytest.raises(RunRefused):
        commands.run_schedule(arguments(*asked), store, places)
