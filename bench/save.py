"""Time to save a correction, beside its budgets: `python -m bench.save --json FILE`.

Twenty people, each with a picture of one megapixel of their own, save over HTTP to a real app with the stub
engine: one save each per 10 s, then all at once. A time is what a browser waits: picture, mask, event file
and rows are on the disk at its end. Budgets: p95 <= 50 ms, in a burst <= 500 ms.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.app_process import running_app
from bench.canvas_client import CanvasClient, open_case
from bench.measurement import Measurement, quantile
from bench.pictures import textured_jpeg
from bench.report import report
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineOutputInvalid
from fakeshield_core.provenance import ROOT
from fakeshield_core.rle import encode_rle

log = logging.getLogger(__name__)

PEOPLE = 20
EVERY_S = 10.0
STEADY_S = 30.0
BURSTS = 3
STEADY_BUDGET_S = 0.05
BURST_BUDGET_S = 0.5
MEGAPIXELS = 1.0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a picture that was analysed."""

    client: CanvasClient
    case_id: JsonValue
    mask_rle: dict[str, JsonValue]

    def save(self) -> float:
        """Saves a new correction with everything kept; the seconds it took.

        Raises:
            EngineOutputInvalid: it was refused.
        """
        correction: dict[str, JsonValue] = {
            "client_uuid": str(uuid.uuid4()),
            "verdict": "tampered",
            "mask_rle": self.mask_rle,
            "how_do_you_know": "made_the_edit",
            "consent": {"store": True, "train": True, "publish": False},
        }
        answered = self.client.call("save", [self.case_id, correction])
        if "receipt" not in answered.answer:
            raise EngineOutputInvalid(f"A save was refused: {answered.answer.get('error')}")
        return answered.seconds


def arrive(address: str, number: int, folder: Path, megapixels: float = MEGAPIXELS) -> Person:
    """A person whose own picture has been analysed."""
    result = open_case(address, textured_jpeg(megapixels, number), folder)
    picture = result["picture"]
    if not isinstance(picture, dict):
        raise EngineOutputInvalid("The result names no picture; start the newest app.")
    mask = np.zeros((int(str(picture["height"])), int(str(picture["width"]))), np.bool_)
    mask[mask.shape[0] // 4 : mask.shape[0] // 2, mask.shape[1] // 4 : mask.shape[1] // 2] = True
    return Person(CanvasClient(address), result["case_id"], encode_rle(mask))


def steadily(people: Sequence[Person], every_s: float, for_s: float) -> list[float]:
    """Seconds of saves, one each per `every_s`, evenly apart."""
    began = time.perf_counter()

    def work(number: int) -> list[float]:
        due, seconds = number * every_s / len(people), []
        while due < for_s:
            time.sleep(max(0.0, began + due - time.perf_counter()))
            seconds.append(people[number].save())
            due += every_s
        return seconds

    return _together(len(people), work)


def at_once(people: Sequence[Person]) -> list[float]:
    """Seconds of one save each, all begun together."""
    barrier = threading.Barrier(len(people))

    def work(number: int) -> list[float]:
        barrier.wait()
        return [people[number].save()]

    return _together(len(people), work)


def measure(address: str, people_number: int, folder: Path) -> Iterator[Measurement]:
    """Both situations against a running app."""
    people = [arrive(address, number, folder) for number in range(people_number)]
    for person in people:
        person.save()  # not counted: caches are warm afterwards
    log.info("%d people are there; saving for %g s", people_number, STEADY_S)
    steady = steadily(people, EVERY_S, STEADY_S)
    bursts = [seconds for _ in range(BURSTS) for seconds in at_once(people)]
    each = f"{people_number} people, one save each per {EVERY_S:g} s"
    yield Measurement(f"{each}, p50", quantile(steady, 0.5), "s", None, len(steady))
    yield Measurement(f"{each}, p95", quantile(steady, 0.95), "s", STEADY_BUDGET_S, len(steady))
    burst = f"burst of {people_number} saves"
    yield Measurement(f"{burst}, p50", quantile(bursts, 0.5), "s", None, len(bursts))
    yield Measurement(f"{burst}, p95", quantile(bursts, 0.95), "s", BURST_BUDGET_S, len(bursts))


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and reports; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(prog="python -m bench.save", description="Time to save a correction.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    args = parser.parse_args(argv)
    return report(measured, args.json)


def measured() -> list[Measurement]:
    """Starts the app with the stub engine and measures it.

    Raises:
        FakeShieldError: the app does not start, or refuses.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        running_app(ROOT / "app.py", Path(folder), "stub") as address,
    ):
        return list(measure(address, PEOPLE, Path(folder)))


def _together(number: int, work: Callable[[int], list[float]]) -> list[float]:
    with ThreadPoolExecutor(number) as pool:
        return [seconds for each in pool.map(work, range(number)) for seconds in each]


if __name__ == "__main__":
    sys.exit(main())
