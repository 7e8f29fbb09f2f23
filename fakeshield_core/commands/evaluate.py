"""`evaluate`: measures an engine on a manifest, by the protocol of `fakeshield_core.evaluate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from fakeshield_core.commands.outcome import Outcome, add_shared_arguments
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.evaluate import EvaluationOptions, evaluate
from fakeshield_core.evaluate_figures import Bootstrap
from fakeshield_core.evaluate_report import report_to_json, report_to_text
from fakeshield_core.manifest import read_manifest
from fakeshield_core.settings import Settings

HELP = "measure an engine on the pictures of a manifest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `evaluate`."""
    parser.add_argument(
        "--manifest", type=Path, required=True, metavar="CSV", help="columns path, kind, mask and any more"
    )
    parser.add_argument(
        "--maps", type=Path, metavar="DIR", help="folder for 8-bit maps, <path without suffix>.png"
    )
    parser.add_argument(
        "--change",
        action="append",
        default=[],
        metavar="NAME",
        help="measure once more after jpeg70, resize0.75, blur1, noise5, ...; may be given several times",
    )
    parser.add_argument(
        "--limit-kind", nargs="+", default=[], metavar="KIND", help="only rows of these kinds"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the intervals (default: 0)")
    add_shared_arguments(parser)


def run(args: argparse.Namespace, settings: Settings) -> Outcome:
    """Measures and reports; a picture that could not be measured is a complaint.

    Raises:
        ManifestInvalid: the manifest cannot be used.
        InputError: a change is not known.
        EngineError: the engine cannot be built, or gives no map where maps are asked for.
    """
    manifest = read_manifest(args.manifest)
    engine = build_engine(args.engine or settings.engine, settings, args.adapter)
    options = EvaluationOptions(
        changes=tuple(dict.fromkeys((None, *args.change))),
        kinds=frozenset(args.limit_kind),
        maps=args.maps,
        bootstrap=Bootstrap(seed=args.seed),
    )
    report = evaluate(engine, manifest, options)
    complaints = tuple(f"{failure.name}: {failure.reason}" for failure in report.failures)
    return Outcome(report_to_text(report), report_to_json(report), complaints)
