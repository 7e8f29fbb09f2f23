"""Time from a click to the area it changes, beside its budget: `python -m bench.click --json FILE`.

Clicks on pictures of one megapixel, sent over HTTP to a real app as the canvas does: all prompts since the
last Keep, and the mask as it stands; every third click is kept. Budget at the server: p50 <= 150 ms.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.app_process import running_app
from bench.canvas_client import Answered, CanvasClient, open_case
from bench.measurement import Measurement, quantile
from bench.pictures import textured_jpeg
from bench.report import report
from fakeshield_core.domain import BoolMask, JsonValue
from fakeshield_core.errors import EngineOutputInvalid
from fakeshield_core.masks import combine
from fakeshield_core.provenance import ROOT
from fakeshield_core.rle import decode_rle, encode_rle

log = logging.getLogger(__name__)

PICTURES = 3
CLICKS = 20  # on each
KEEP_EVERY = 3
MEGAPIXELS = 1.0
BUDGET_S = 0.15
SEED = 7


def click_through(
    client: CanvasClient, case_id: JsonValue, mask: BoolMask, clicks: int, rng: np.random.Generator
) -> list[Answered]:
    """Clicks at random places of a picture, every other one negative.

    Args:
        mask: (H, W), the mask to begin with.

    Raises:
        EngineOutputInvalid: a click was refused.
    """
    height, width = mask.shape
    answers: list[Answered] = []
    prompts: list[JsonValue] = []
    for number in range(clicks):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        prompts.append({"x": x, "y": y, "positive": number % 2 == 0})
        sent: dict[str, JsonValue] = {"clicks": prompts, "box_xyxy": None}
        answers.append(client.call("segment", [case_id, sent, encode_rle(mask)]))
        offered = answers[-1].answer.get("candidates")
        if not isinstance(offered, list):
            raise EngineOutputInvalid(f"A click was refused: {answers[-1].answer.get('error')}")
        if number % KEEP_EVERY == KEEP_EVERY - 1:
            prompts = []
            mask = _kept(mask, offered)
    return answers


def measure(address: str, folder: Path, pictures: int, clicks: int) -> Iterator[Measurement]:
    """Times of all clicks but the first of each picture, which may wait for the embedding."""
    rng = np.random.default_rng(SEED)
    client = CanvasClient(address)
    first: list[Answered] = []
    later: list[Answered] = []
    for seed in range(pictures):
        result = open_case(address, textured_jpeg(MEGAPIXELS, seed), folder)
        answers = click_through(client, result["case_id"], _mask_of(result), clicks, rng)
        first.append(answers[0])
        later.extend(answers[1:])
    at_server = [float(str(each.answer["ms"])) / 1000 for each in later]
    over_http = [each.seconds for each in later]
    n = len(later)
    yield Measurement("click -> area at the server, p50", quantile(at_server, 0.5), "s", BUDGET_S, n)
    yield Measurement("click -> area at the server, p95", quantile(at_server, 0.95), "s", None, n)
    yield Measurement("click -> area over HTTP, p50", quantile(over_http, 0.5), "s", None, n)
    yield Measurement("click -> area over HTTP, p95", quantile(over_http, 0.95), "s", None, n)
    slowest = max(each.seconds for each in first)
    yield Measurement("first click, right after the result, slowest", slowest, "s", None, len(first))


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and reports; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(prog="python -m bench.click", description="Time from click to area.")
    parser.add_argument(
        "--engine", default="compact", metavar="NAME", help="`stub` measures all but a network"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    args = parser.parse_args(argv)
    return report(lambda: measured(args.engine), args.json, engine=args.engine)


def measured(engine: str) -> list[Measurement]:
    """Starts the app and measures it.

    Raises:
        FakeShieldError: the app does not start, or refuses.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        running_app(ROOT / "app.py", Path(folder), engine) as address,
    ):
        return list(measure(address, Path(folder), PICTURES, CLICKS))


def _mask_of(result: dict[str, JsonValue]) -> BoolMask:
    mask = result["mask"]
    if not isinstance(mask, dict) or not isinstance(mask["rle"], dict):
        raise EngineOutputInvalid("The engine gave no mask; choose one that does.")
    return decode_rle(mask["rle"])


def _kept(mask: BoolMask, offered: list[JsonValue]) -> BoolMask:
    """The mask with the best candidate applied."""
    if not offered or not isinstance(offered[0], dict) or not isinstance(offered[0]["rle"], dict):
        return mask
    return combine(mask, decode_rle(offered[0]["rle"]), offered[0]["adds"] is True)


if __name__ == "__main__":
    sys.exit(main())
