"""The commands of `python -m finetune`: arguments and store in, an Outcome out."""

from __future__ import annotations

import argparse
import getpass
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from fakeshield_core.adapters import read_champion
from fakeshield_core.commands.outcome import Outcome
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import RunRefused
from fakeshield_core.provenance import ROOT
from feedback.events import plain
from feedback.records import Run
from feedback.store import FeedbackStore
from finetune import schedule
from finetune.config import Places, RunConfig, TrainConfig
from finetune.lease import SECONDS, held
from finetune.promote import act_on_decisions, promote, rollback, settle
from finetune.status import described, run_line, status

if TYPE_CHECKING:
    from finetune.run import Bench

GOOD = ("running", "waiting_for_approval", "promoted")


def run(args: argparse.Namespace, store: FeedbackStore, places: Places) -> Outcome:
    """Release, training, gate; then it waits for approval, or is promoted.

    Raises:
        RunRefused: another run is at work.
        FakeShieldError: the run was refused or failed.
    """
    return _shown(_run(args, store, places, only_train=False))


def train(args: argparse.Namespace, store: FeedbackStore, places: Places) -> Outcome:
    """Release and training alone; `run` goes on from there."""
    return _shown(_run(args, store, places, only_train=True))


def evaluate(args: argparse.Namespace, store: FeedbackStore, places: Places) -> Outcome:
    """An adapter against the champion by the gate's figures; changes nothing.

    Raises:
        RunRefused: there is no release to measure on.
    """
    from finetune.run import challenge

    config = config_of(args)
    with _bench(args, store, places) as bench:
        releases = store.releases()
        if not releases:
            raise RunRefused("There is no release to measure on; run `python -m finetune run` first.")
        champion = read_champion(places.adapters)
        against = None if champion == args.adapter else champion
        result = challenge(bench, config, releases[-1], args.adapter, against)
    document: JsonValue = {
        "adapter": args.adapter,
        "against": against,
        "passed": result.passed,
        "sentence": result.sentence,
        "figures": dict(result.figures),
    }
    return Outcome(result.sentence, document, () if result.passed else (result.sentence,))


def promote_run(args: argparse.Namespace, store: FeedbackStore, places: Places) -> Outcome:
    """Carries out what was decided on the page; without such a decision, approves the newest that waits.

    Raises:
        RunRefused: nothing waits.
    """
    with held(store, args.lease) as heartbeat:
        changed = [] if args.run else act_on_decisions(store, places, heartbeat.lease)
        if not changed and not args.decided:
            changed = [promote(store, places, heartbeat.lease, _waiting(store, args.run), _who(args))]
    text = "\n".join(map(run_line, changed)) or "Nothing was decided."
    return Outcome(text, _document(places, changed))


def roll_back(args: argparse.Namespace, store: FeedbackStore, places: Places) -> Outcome:
    """One champion back.

    Raises:
        RunRefused: the base alone is in use.
    """
    with held(store, args.lease):
        champion = rollback(store, places, _who(args), args.reason)
    return Outcome(f"The champion is now {champion or 'the base alone'}.", _document(places, []))


def show_status(args: argparse.Namespace, store: FeedbackStore, places: Places) -> Outcome:
    """Champion, runs and what waits."""
    found = status(store, places)
    return Outcome(described(found), found.to_json())


def run_schedule(args: argparse.Namespace, store: FeedbackStore, places: Places) -> Outcome:
    """A line for cron; or one turn; or turns until interrupted.

    Raises:
        RunRefused: plan or settings are out of range, whichever of the three was asked for.
    """
    plan = schedule.Plan(args.every, args.least)
    settings = typed(config_of(args)) + ([] if args.lease == SECONDS else ["--lease", f"{args.lease:g}"])

    def turn() -> None:
        with held(store, args.lease) as heartbeat:
            act_on_decisions(store, places, heartbeat.lease)
        if schedule.is_due(store, plan, schedule.utc_now()):
            _run(args, store, places, only_train=False)

    if args.loop:
        schedule.keep(turn, threading.Event().wait)
    if args.once:
        turn()
        return show_status(args, store, places)
    line = schedule.cron_line(sys.executable, ROOT, plan, settings)
    return Outcome(line, {"cron": line})


def config_of(args: argparse.Namespace) -> RunConfig:
    """The settings of a new run, as typed.

    Raises:
        RunRefused: one is out of range.
    """
    train_config = TrainConfig(
        steps=args.steps,
        window=args.window,
        batch=args.batch,
        replay=args.replay,
        seed=args.seed,
        device=args.device,
    )
    return RunConfig(
        train=train_config,
        max_share=args.max_share,
        holdout_share=args.holdout_share,
        frozen_side=args.frozen_side,
        photographs=tuple(str(folder.resolve()) for folder in args.photographs),
        target=None if args.target is None else str(args.target.resolve()),
        approve=args.approve,
        largest_masks=args.largest_masks,
    )


def typed(config: RunConfig) -> list[str]:
    """The options that ask for these settings; those that say what is so anyway are left out."""
    of_run, of_train = asdict(config), asdict(config.train)
    usual = {**asdict(TrainConfig()), **asdict(RunConfig())}
    words: list[str] = []
    for name, value in {**of_train, **of_run}.items():
        if name == "train" or value == usual[name]:
            continue
        several = value if isinstance(value, tuple) else (value,)
        words += [f"--{name.replace('_', '-')}", *map(str, several)]
    return words


@contextmanager
def _bench(args: argparse.Namespace, store: FeedbackStore, places: Places) -> Iterator[Bench]:
    from fakeshield_core.threads import use_threads
    from finetune.run import open_bench

    use_threads(args.threads)
    with held(store, args.lease) as heartbeat:
        bench = open_bench(store, places, heartbeat)
        settle(store, places, bench.base.digest)
        yield bench


def _run(args: argparse.Namespace, store: FeedbackStore, places: Places, only_train: bool) -> Run:
    from finetune.run import finish, start, unfinished

    config = config_of(args)
    with _bench(args, store, places) as bench:
        act_on_decisions(store, places, bench.heartbeat.lease)
        job = (None if args.new else unfinished(bench)) or start(bench, config)
        return finish(bench, job, only_train)


def _waiting(store: FeedbackStore, wanted: str | None) -> Run:
    """The run asked for by its id or adapter, or the newest that waits."""
    for run in store.runs(1000):
        if wanted in (run.id, run.adapter) or (wanted is None and run.state == "waiting_for_approval"):
            return run
    raise RunRefused(
        "No run waits for approval; `python -m finetune status` lists them."
        if wanted is None
        else f"There is no run or adapter {wanted}; `python -m finetune status` lists them."
    )


def _shown(run: Run) -> Outcome:
    sentence = str(run.detail.get("sentence", ""))
    complaints = () if run.state in GOOD else (sentence,)
    hint = "\nApprove it with `python -m finetune promote`." if run.state == "waiting_for_approval" else ""
    return Outcome(run_line(run) + hint, plain(run), complaints)


def _document(places: Places, changed: list[Run]) -> JsonValue:
    return {"champion": read_champion(places.adapters), "runs": [plain(run) for run in changed]}


def _who(args: argparse.Namespace) -> str:
    return args.by or getpass.getuser()
