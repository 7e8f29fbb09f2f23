"""Clicks of every method in one run: `python -m bench.clicks --manifest CSV`.

Our segmenter, GrabCut and random walker answer the same simulated annotator on the same pictures, all at long
side 512, from nothing and from the engine's mask.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from bench.click_baselines import BASELINES
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
from fakeshield_core.clicks_measure import (
    OURS,
    Annotator,
    Method,
    click_through,
    our_method,
    read_case,
    rows_with_masks,
    scaled,
)
from fakeshield_core.commands.clicks import number_of_clicks
from fakeshield_core.domain import Engine, JsonValue
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.evaluate_figures import Bootstrap, Estimate
from fakeshield_core.evaluate_report import estimate_json, estimate_text
from fakeshield_core.files import write_file
from fakeshield_core.manifest import Manifest, ManifestRow, read_manifest
from fakeshield_core.provenance import ROOT, provenance
from fakeshield_core.segmenters.registry import build_segmenter
from fakeshield_core.settings import Settings

LONG_SIDE_PX = 512
STARTS: tuple[Start, ...] = ("zero", "mask")
PROTOCOL = (
    f"Pictures and masks scaled to long side {LONG_SIDE_PX} for every method; the engine's mask is made at "
    "picture size first. RITM clicker: deepest pixel of the largest error, jittered to at least half that "
    "depth, up to IoU 0.90 or the limit, which NoC is where an IoU is not reached. Ours: each proposal is "
    "added to or taken from the mask, near its click only. Baselines: their mask after all clicks so far, "
    "without a merge guard. Intervals 95 %, bootstrap over groups."
)

log = logging.getLogger(__name__)


def run(
    rows: Sequence[ManifestRow], engine: Engine, methods: Sequence[Method], annotator: Annotator
) -> tuple[list[Clicked], list[str]]:
    """Every method from both starts on every row; what could not be measured comes as sentences."""
    clicked: list[Clicked] = []
    failures: list[str] = []
    for number, row in enumerate(rows, start=1):
        try:
            case = scaled(read_case(row, STARTS, engine), LONG_SIDE_PX)
            clicked += click_through(case, methods, annotator)
        except FakeShieldError as error:
            failures.append(f"{row.name}: {error}")
        log.info("%d of %d pictures clicked through", number, len(rows))
    return clicked, failures


def comparisons(clicked: Sequence[Clicked], bootstrap: Bootstrap) -> Iterator[tuple[str, Estimate | None]]:
    """Share of clicks saved: by the engine's mask, and by ours against each baseline from each start."""
    ours = {start: [c for c in clicked if (c.method, c.start) == (OURS, start)] for start in STARTS}
    others = dict.fromkeys(c.method for c in clicked if c.method != OURS)
    for target in TARGETS:
        name = f"noc_{round(100 * target)}"
        yield (
            f"{name}: from mask, against from zero",
            saving(ours["mask"], ours["zero"], target, bootstrap),
        )
        for other, start, theirs in product(others, STARTS, STARTS):
            rivals = [c for c in clicked if (c.method, c.start) == (other, theirs)]
            saved = saving(ours[start], rivals, target, bootstrap)
            yield f"{name}: from {start}, against {other} from {theirs}", saved


def document(
    found: tuple[Sequence[Clicked], Sequence[str]], engine: Engine, manifest: Manifest, annotator: Annotator
) -> dict[str, JsonValue]:
    """Everything measured, with how and on what."""
    clicked, failures = found
    bootstrap = Bootstrap(seed=annotator.seed)
    return {
        "protocol": PROTOCOL,
        "provenance": asdict(provenance()),
        "manifest": {"name": manifest.name, "sha256": manifest.sha256},
        "engine": {"name": engine.info.name, "weights": engine.info.weights},
        "annotator": asdict(annotator),
        "failures": list(failures),
        "clicks_saved": {name: estimate_json(saved) for name, saved in comparisons(clicked, bootstrap)},
        "figures": figures_to_json(figures(clicked, bootstrap)),
        "pictures": pictures_to_json(clicked),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison; 0 done, 1 refused."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    bootstrap = Bootstrap(seed=args.seed)
    try:
        settings = replace(Settings.from_environment(), engine=args.engine)
        manifest, annotator = read_manifest(args.manifest), Annotator(args.limit, args.seed)
        engine, ours = build_engine(args.engine, settings), our_method(build_segmenter(settings))
        methods = [ours] if args.without_baselines else [ours, *BASELINES]
        rows = rows_with_masks(manifest)[:: args.every]
        found = run(rows, engine, methods, annotator)
        text = json.dumps(document(found, engine, manifest, annotator), indent=1, allow_nan=False)
        write_file(args.json, (text + "\n").encode())
    except FakeShieldError as error:
        print(error, file=sys.stderr)
        return 1
    print(figures_to_text(figures(found[0], bootstrap)))
    for name, saved in comparisons(found[0], bootstrap):
        print(f"share of clicks saved, {name}: {estimate_text(saved)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    today = datetime.now(UTC).date().isoformat()
    parser = argparse.ArgumentParser(prog="python -m bench.clicks", description="Clicks of every method.")
    parser.add_argument("--manifest", type=Path, required=True, metavar="CSV")
    parser.add_argument("--engine", default="compact", metavar="NAME")
    parser.add_argument("--without-baselines", action="store_true", help="our clicks alone")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth picture")
    parser.add_argument("--limit", type=number_of_clicks, default=LIMIT, metavar="N", help="clicks a picture")
    parser.add_argument("--seed", type=int, default=0, help="of jitter and intervals")
    parser.add_argument(
        "--json", type=Path, default=ROOT / "bench" / "results" / f"clicks-{today}.json", metavar="FILE"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
