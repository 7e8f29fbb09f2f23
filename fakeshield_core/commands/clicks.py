"""`clicks`: a simulated annotator corrects masks, from nothing and from the engine's own."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from fakeshield_core.clicks import LIMIT
from fakeshield_core.clicks_figures import (
    TARGETS,
    Clicked,
    Start,
    figures,
    figures_to_json,
    figures_to_text,
    pictures_to_json,
    saving,
)
from fakeshield_core.clicks_measure import Annotator, click_through, our_method, read_case, rows_with_masks
from fakeshield_core.commands.outcome import Outcome, add_shared_arguments
from fakeshield_core.domain import Engine, JsonValue
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.errors import EngineUnavailable, FakeShieldError
from fakeshield_core.evaluate_figures import Bootstrap, Estimate
from fakeshield_core.evaluate_report import estimate_json, estimate_text
from fakeshield_core.manifest import read_manifest
from fakeshield_core.provenance import provenance
from fakeshield_core.segmenters.registry import build_segmenter
from fakeshield_core.settings import Settings

HELP = "count the clicks a simulated annotator needs to correct masks"
PROTOCOL = (
    "RITM clicker: deepest pixel of the largest error, jittered to at least half that depth; up to IoU 0.90; "
    "pictures at their own size; each proposal is added to or taken from the mask, near its click only; NoC "
    "is the limit where an IoU is not reached; intervals 95 %, bootstrap over groups."
)
LOG_EVERY = 25  # pictures
MAX_LIMIT = 100  # clicks

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clicks`."""
    parser.add_argument(
        "--manifest", type=Path, required=True, metavar="CSV", help="columns path, kind, mask and any more"
    )
    parser.add_argument(
        "--from",
        dest="start",
        choices=("mask", "zero"),
        help="begin with the engine's mask, or with nothing marked (default: both)",
    )
    parser.add_argument(
        "--limit",
        type=number_of_clicks,
        default=LIMIT,
        metavar="N",
        help=f"clicks for each picture, 1..{MAX_LIMIT} (default: {LIMIT})",
    )
    parser.add_argument("--seed", type=int, default=0, help="of jitter and intervals (default: 0)")
    add_shared_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> Outcome:
    """Clicks through every tampered picture with a mask; one that cannot be used is a complaint.

    Raises:
        ManifestInvalid: the manifest cannot be used, or no tampered picture has a mask.
        EngineError: engine or segmenter cannot be built, or the engine gives no map.
    """
    name = args.engine or settings.engine
    starts: tuple[Start, ...] = (args.start,) if args.start else ("zero", "mask")
    rows = rows_with_masks(manifest := read_manifest(args.manifest))
    segmenter = build_segmenter(replace(settings, engine=name))
    engine = build_engine(name, settings, args.adapter) if "mask" in starts else None
    _check_gives_map(engine)
    clicked: list[Clicked] = []
    complaints: list[str] = []
    methods, annotator = [our_method(segmenter)], Annotator(args.limit, args.seed)
    for number, row in enumerate(rows, start=1):
        try:
            clicked += click_through(read_case(row, starts, engine), methods, annotator)
        except FakeShieldError as error:
            complaints.append(f"{row.name}: {error}")
        if number % LOG_EVERY == 0 or number == len(rows):
            log.info("%d of %d pictures clicked through", number, len(rows))
    bootstrap = Bootstrap(seed=args.seed)
    found, saved = figures(clicked, bootstrap), _saved(clicked, bootstrap)
    document: JsonValue = {
        "protocol": PROTOCOL,
        "provenance": asdict(provenance()),
        "manifest": {"name": manifest.name, "sha256": manifest.sha256},
        "engine": None if engine is None else engine.info.name,
        "limit": args.limit,
        "seed": args.seed,
        "figures": figures_to_json(found),
        "saved_by_the_mask": {name: estimate_json(estimate) for name, estimate in saved.items()},
        "pictures": pictures_to_json(clicked),
    }
    return Outcome("\n".join([figures_to_text(found), *_savings(saved)]), document, tuple(complaints))


def number_of_clicks(text: str) -> int:
    """A limit as typed: a whole number from 1 to 100.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    if not text.isdecimal() or not 1 <= int(text) <= MAX_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of clicks; write one from 1 to {MAX_LIMIT}")
    return int(text)


def _check_gives_map(engine: Engine | None) -> None:
    if engine is not None and "map" not in engine.info.gives:
        raise EngineUnavailable(
            f"The engine {engine.info.name} gives no mask to begin with; add --from zero."
        )


def _saved(clicked: Sequence[Clicked], bootstrap: Bootstrap) -> dict[str, Estimate | None]:
    """By target, the share of clicks that the engine's mask saves."""
    from_mask, from_zero = ([c for c in clicked if c.start == start] for start in ("mask", "zero"))
    return {
        f"noc_{round(100 * target)}": saving(from_mask, from_zero, target, bootstrap) for target in TARGETS
    }


def _savings(saved: Mapping[str, Estimate | None]) -> Iterator[str]:
    for name, estimate in saved.items():
        if estimate is not None:
            yield f"share of clicks saved by the engine's mask, {name}: {estimate_text(estimate)}"
