"""One retraining from accepted corrections to a decision; goes on where a killed one stopped."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from fakeshield_core.adapters import AdapterCard, read_adapter, read_card, read_champion, write_card
from fakeshield_core.checkpoints.compact import CompactCheckpoint, adapted, read_compact
from fakeshield_core.domain import JsonValue
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.errors import FakeShieldError, FinetuneError, RunRefused, StorageFull, StoreUnavailable
from fakeshield_core.provenance import ROOT as CODE
from fakeshield_core.provenance import code_version
from fakeshield_core.similarity import perceptual_hash
from feedback import durable
from feedback.records import Release, ReleaseRules, Run, RunState
from feedback.runs import RunReport
from feedback.store import FeedbackStore
from finetune.base import frozen_examples, replay_sampler
from finetune.config import Places, RunConfig, read_config
from finetune.dataset import Example, check_masks, corrections, manifest_examples
from finetune.diet import Diet
from finetune.evaluate import Side, compared, measure
from finetune.gate import GateResult, judge
from finetune.lease import Heartbeat
from finetune.promote import ENGINE, promote
from finetune.train import Progress, Trainer, write_trained

log = logging.getLogger(__name__)

SETTINGS = "run.json"  # in the folder of a run


@dataclass(frozen=True, slots=True)
class Bench:
    """What a run works with; the caller holds the lease."""

    store: FeedbackStore
    places: Places
    heartbeat: Heartbeat
    base: CompactCheckpoint


@dataclass(frozen=True, slots=True)
class Job:
    """A run and the settings it was started with."""

    run: Run
    config: RunConfig
    release: Release


def start(bench: Bench, config: RunConfig) -> Job:
    """A new run on the accepted corrections; those of the last release again where nothing was added.

    Raises:
        ReleaseRefused: there is nothing to train on.
    """
    frozen = frozen_examples(bench.places.frozen, config.frozen_side, config.photographs)
    if config.target is not None:
        frozen += manifest_examples(Path(config.target))
    release = released(bench.store, config, [perceptual_hash(example.rgb) for example in frozen])
    detail: dict[str, JsonValue] = {
        "phase": "training",
        "step": 0,
        "steps": config.train.steps,
        "parent": read_champion(bench.places.adapters),
        "base": bench.base.digest,
        "settings": config.to_json(),
    }
    run = bench.store.start_run(bench.heartbeat.lease, RunReport("running", release.number, None, detail))
    durable.replace(bench.places.run(run.id) / SETTINGS, json.dumps(config.to_json()).encode())
    log.info("run %s on release %d: %d items", run.id, release.number, len(release.items))
    return Job(run, config, release)


def unfinished(bench: Bench) -> Job | None:
    """The newest run, where its process was stopped; runs that cannot go on are ended as failed."""
    newest = next(iter(bench.store.runs(1)), None)
    if newest is None or newest.state != "running" or newest.release is None:
        return None
    try:
        config = _saved(bench, newest)
    except RunRefused as error:
        log.warning("run %s has failed: %s", newest.id, error)
        _tell(bench, newest, "failed", sentence=str(error))
        return None
    log.info("going on with run %s", newest.id)
    return Job(newest, config, bench.store.release(newest.release))


def finish(bench: Bench, job: Job, only_train: bool = False) -> Run:
    """Trains, measures, judges; the run as it stands then.

    Raises:
        FakeShieldError: it was refused or failed, which the run says too; or the lease was lost.
    """
    try:
        run = job.run if job.run.adapter is not None else _trained(bench, job)
        if only_train:
            return run
        return _judged(bench, replace(job, run=run))
    except FinetuneError as error:
        bench.heartbeat.check()
        _tell(bench, job.run, "refused", sentence=str(error))
        raise
    except (StorageFull, StoreUnavailable):
        raise  # the run stays as it is, and goes on from its last checkpoint once there is room
    except FakeShieldError as error:
        bench.heartbeat.check()
        _tell(bench, job.run, "failed", sentence=str(error))
        raise


def released(store: FeedbackStore, config: RunConfig, frozen_hashes: Sequence[int]) -> Release:
    """The next release, or the last one where it would hold the same items.

    Raises:
        ReleaseRefused: there is nothing to release.
    """
    rules = ReleaseRules(config.max_share, config.holdout_share, tuple(frozen_hashes))
    draft = store.preview_release(rules)
    for earlier in store.releases()[-1:]:
        if earlier.items == draft.items:
            return earlier
    return store.create_release(rules)


def challenge(
    bench: Bench, config: RunConfig, release: Release, adapter: str, champion: str | None
) -> GateResult:
    """A challenger against a champion on frozen sets and held-out corrections.

    Args:
        config: which frozen sets.
        release: whose held-out corrections.
        adapter: digest of the challenger.
        champion: digest; None: the base alone.
    """
    frozen = frozen_examples(bench.places.frozen, config.frozen_side, config.photographs)
    held = corrections(bench.store, release, "holdout")
    trusted = None if config.target is None else manifest_examples(Path(config.target))
    sides = [_side(bench, digest, (frozen, held, trusted)) for digest in (champion, adapter)]
    return judge(compared(*sides))


def engine_with(bench: Bench, digest: str | None) -> CompactEngine:
    """The base with an adapter of the data folder, or alone."""
    if digest is None:
        return CompactEngine(bench.base)
    return CompactEngine(adapted(bench.base, read_adapter(bench.places.adapters / digest)))


def _saved(bench: Bench, run: Run) -> RunConfig:
    """The settings of a run that was stopped.

    Raises:
        RunRefused: it cannot go on.
    """
    if run.detail.get("base") != bench.base.digest:
        raise RunRefused(
            "It was stopped, and cannot go on with other base weights; "
            "begin a new one with `python -m finetune run`."
        )
    return read_config(bench.places.run(run.id) / SETTINGS)


def _trained(bench: Bench, job: Job) -> Run:
    train = job.config.train
    learnt = corrections(bench.store, job.release, "train")
    check_masks(learnt, job.config.largest_masks)
    diet = Diet(learnt, replay_sampler(job.config.photographs), train)
    trainer = Trainer(bench.base, diet, train, bench.places.run(job.run.id))
    trainer.resume()
    run = job.run

    def report(progress: Progress) -> None:
        nonlocal run
        bench.heartbeat.check()
        log.info("%s", progress.line())
        run = _tell(bench, run, "running", **progress.to_json())

    trainer.run(report)
    card = write_trained(bench.places.adapters, trainer, _about(bench, job))
    log.info("trained adapter %s", card.digest)
    run = replace(run, adapter=card.digest)
    return _tell(bench, run, "running", phase="trained")


def _about(bench: Bench, job: Job) -> dict[str, object]:
    """Fields of the adapter's card that the training does not know."""
    return {
        "engine": ENGINE,
        "base": bench.base.digest,
        "release": job.release.number,
        "parent": job.run.detail.get("parent"),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "training": {
            "settings": job.config.to_json(),
            "manifest_sha256": job.release.manifest_sha256,
            "code": code_version(CODE),
            "run": job.run.id,
        },
    }


def _judged(bench: Bench, job: Job) -> Run:
    adapter = job.run.adapter
    if adapter is None:
        raise RunRefused("The run has no adapter yet; train first.")
    run = _tell(bench, job.run, "running", phase="measuring")
    champion = read_champion(bench.places.adapters)
    result = challenge(bench, job.config, job.release, adapter, champion)
    bench.heartbeat.check()
    _keep_gate(bench.places.adapters / adapter, result)
    log.info("%s", result.sentence)
    said: dict[str, JsonValue] = {
        "phase": "judged",
        "sentence": result.sentence,
        "gate": dict(result.figures),
        "parent": champion,
    }
    run = _tell(bench, run, "waiting_for_approval" if result.passed else "refused", **said)
    shutil.rmtree(bench.places.run(run.id), ignore_errors=True)  # what it would have gone on from
    if result.passed and job.config.approve == "auto":
        return promote(bench.store, bench.places, bench.heartbeat.lease, run, "auto")
    return run


def _keep_gate(folder: Path, result: GateResult) -> AdapterCard:
    gate: dict[str, JsonValue] = {
        "passed": result.passed,
        "sentence": result.sentence,
        "figures": dict(result.figures),
    }
    card = replace(read_card(folder), gate=gate)
    write_card(folder, card)
    return card


def _side(
    bench: Bench, digest: str | None, sets: tuple[list[Example], list[Example], list[Example] | None]
) -> Side:
    engine = engine_with(bench, digest)
    log.info("measuring %s", digest or "the base alone")
    frozen, held, trusted = sets
    check = bench.heartbeat.check
    holdout = measure(engine, held, None, check)
    target = holdout if trusted is None else measure(engine, trusted, bench.places.measured, check)
    return Side(target, holdout, measure(engine, frozen, bench.places.measured, check))


def _tell(bench: Bench, run: Run, state: RunState, **said: JsonValue) -> Run:
    report = RunReport(state, run.release, run.adapter, {**run.detail, **said})
    return bench.store.update_run(bench.heartbeat.lease, run.id, report)


def open_bench(store: FeedbackStore, places: Places, heartbeat: Heartbeat) -> Bench:
    """What a run works with, on the shipped weights."""
    return Bench(store, places, heartbeat, read_compact())
