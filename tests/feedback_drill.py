"""Writers that are killed at random moments, and what must be true of the store afterwards.

`python -m tests.drill --kills 600` runs it for longer than the test does.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fakeshield_core.errors import StoreUnavailable
from feedback.__main__ import main as feedback_command
from feedback.records import AdapterMove, Correction
from feedback.runs import RunReport
from feedback.store import FeedbackStore
from feedback.verify import VerifyReport, verify
from tests.feedback_fakes import ALL, NOTHING, as_random, correction

NAMES = uuid.UUID("0d2ce9ad-7a70-44c6-8c77-3a44f1f0aa55")
Writer = Callable[[Path, Path], None]


@dataclass(frozen=True)
class DrillReport:
    """What was killed, and what is wrong; the last four must be empty."""

    kills: int
    acknowledged: dict[str, int]  # by writer
    repeated: int  # requests that had reached the disk before their writer was killed, and were sent again
    lost: list[str]
    duplicates: list[str]
    changed_receipts: list[str]
    verification: VerifyReport


def acknowledge(log: Path, line: str) -> None:
    """One write to the kernel: what was acknowledged outlives the writer."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, (line + "\n").encode())
    os.close(descriptor)


def acknowledged(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def name(kind: str, number: int) -> str:
    """The UUID of the n-th request of a kind; a writer that was killed sends its last one again."""
    return as_random(uuid.uuid5(NAMES, f"{kind}-{number}"))


def request(number: int) -> Correction:
    """The n-th correction of the page; every fourth is without the *store* tick."""
    consent = NOTHING if number % 4 == 3 else ALL
    return correction(number % 7, client_uuid=name("page", number), consent=consent)


def write_like_the_page(data_dir: Path, log: Path) -> None:
    """Saves corrections; the one that a kill cut off is sent again first."""
    with FeedbackStore.open(data_dir / "feedback") as store:
        number = len(acknowledged(log))
        while True:
            sent = request(number)
            receipt = store.save_correction(sent)
            acknowledge(log, f"{receipt.uuid} {receipt.code} {int(receipt.repeated)}")
            number += 1


def write_like_finetune(data_dir: Path, log: Path) -> None:
    """Takes the lease, reports on a run, moves the champion."""
    with FeedbackStore.open(data_dir / "feedback") as store:
        number = len(acknowledged(log))
        while True:
            lease = store.take_lease("finetune", "drill", 0.01)
            if lease is not None:
                with contextlib.suppress(StoreUnavailable):  # it runs out soon
                    store.start_run(lease, RunReport("running", None, None, {"step": number}))
            move = AdapterMove("promotion", f"adapter-{number}", None, "drill", "", "")
            store.record_move(move, request_uuid=name("move", number))
            acknowledge(log, name("move", number))
            number += 1


def write_like_the_command_line(data_dir: Path, log: Path) -> None:
    """Accepts what waits, one item a command, and deletes every other one; pictures are shared by items."""
    os.environ["FAKESHIELD_DATA_DIR"] = str(data_dir)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # as long as the process
    while True:
        with FeedbackStore.open(data_dir / "feedback") as store:
            waiting = store.items("quarantined")
        for item in waiting[:2]:
            if feedback_command(["review", item.receipt, "--accept"]) == 0:
                acknowledge(log, f"{item.receipt} accepted")
        for item in waiting[:1]:
            if feedback_command(["purge", item.receipt]) == 0:
                acknowledge(log, f"{item.receipt} withdrawn")


WRITERS: dict[str, Writer] = {
    "page": write_like_the_page,
    "finetune": write_like_finetune,
    "command line": write_like_the_command_line,
}


def drill(data_dir: Path, kills: int, seed: int) -> DrillReport:
    """Three writers at a time, killed after 20 to 400 ms, until there were that many kills."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.feedback_drill"])
    rng = random.Random(seed)
    logs = {kind: data_dir / f"{kind}.log" for kind in WRITERS}
    FeedbackStore.open(data_dir / "feedback").close()
    done = 0
    while done < kills:
        processes = [
            context.Process(target=WRITERS[kind], args=(data_dir, logs[kind]), daemon=True)
            for kind in WRITERS
        ]
        for process in processes:
            process.start()
        for process in rng.sample(processes, len(processes)):
            time.sleep(rng.uniform(0.02, 0.4))
            process.kill()
            process.join()
            assert process.exitcode == -9, "the writer ended by itself"
            done += 1
    return inspect(data_dir, logs, done)


def inspect(data_dir: Path, logs: dict[str, Path], kills: int) -> DrillReport:
    """Sends the last request again, then compares what was acknowledged with what is there."""
    with FeedbackStore.open(data_dir / "feedback") as store:
        pages = acknowledged(logs["page"])
        receipt = store.save_correction(request(len(pages)))
        pages.append([receipt.uuid, receipt.code, str(int(receipt.repeated))])
        items = {item.uuid: item for item in store.items()}
        moves = [move.adapter for move in store.moves()]
        states = {item.receipt: item.state for item in items.values()}
        lost = [uid for uid, *_ in pages if uid not in items]
        finetunes = acknowledged(logs["finetune"])
        lost += [f"adapter-{n}" for n in range(len(finetunes)) if f"adapter-{n}" not in moves]
        decided = acknowledged(logs["command line"])
        lost += [code for code, state in decided if states[code] not in (state, "withdrawn")]
        return DrillReport(
            kills=kills,
            acknowledged={kind: len(acknowledged(log)) for kind, log in logs.items()},
            repeated=sum(repeated == "1" for *_, repeated in pages),
            lost=lost,
            duplicates=[uid for uid in items if uid not in {page[0] for page in pages}]
            + sorted({str(adapter) for adapter in moves if moves.count(adapter) > 1}),
            changed_receipts=[uid for uid, code, _ in pages if uid in items and items[uid].receipt != code],
            verification=verify(store),
        )
