"""How accuracy falls when pictures are changed: `python -m bench.robustness --manifest CSV --json FILE`.

Every picture is measured as it is and after each change; the changes are shared out to processes. Only score
and map are measured: verdicts need a second and third reading of each picture, and stay with
`bench.baselines`. `--plot FILE` draws the figures of a results file.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fakeshield_core.checkpoints.compact import SHIPPED, read_compact
from fakeshield_core.domain import JsonValue
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.evaluate import EvaluationOptions, evaluate
from fakeshield_core.evaluate_figures import Bootstrap, Slice
from fakeshield_core.evaluate_report import estimate_json, table
from fakeshield_core.files import write_file
from fakeshield_core.manifest import read_manifest
from fakeshield_core.provenance import provenance
from fakeshield_core.threads import use_threads

CHANGES = (None, "jpeg90", "jpeg70", "jpeg50", "resize0.75", "blur1", "noise5")
KEPT_PIXEL = ("f1", "iou", "auc")
KEPT_IMAGE = ("auc", "f1", "accuracy_at_half", "detection_at_5_percent", "calibration_error")
KEPT_ALARMS = ("false_alarm_rate", "false_alarm_area")
KEPT_ORACLE = ("best_single_threshold_f1", "permute_f1")
HELD_AFTER = "jpeg70"  # change after which a share of F1 should be left
HELD_SHARE = 0.7

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """One change to measure; travels to another process."""

    manifest: Path
    weights: Path
    change: str | None
    seed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one change left."""

    slices: tuple[Slice, ...]
    failures: tuple[str, ...]  # pictures that could not be measured, and why


def measured(work: Work) -> Measured:
    """All slices of the pictures after one change.

    Raises:
        FakeShieldError: weights or manifest cannot be read.
    """
    use_threads(1)
    engine = CompactEngine(read_compact(work.weights), checks_stability=False)
    options = EvaluationOptions(changes=(work.change,), bootstrap=Bootstrap(seed=work.seed))
    report = evaluate(engine, read_manifest(work.manifest), options)
    return Measured(report.slices, tuple(f"{each.name}: {each.reason}" for each in report.failures))


def held(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """For each data set with masks, the share of its F1 that is left after HELD_AFTER."""
    f1 = {(r["dataset"], r["change"]): r["pixel"]["f1"] for r in rows if r["tampering"] is None}
    return {
        name: round(after["value"] / f1[name, None]["value"], 3)
        for (name, change), after in f1.items()
        if change == HELD_AFTER and after is not None and f1[name, None]["value"]
    }


def row(part: Slice) -> dict[str, JsonValue]:
    """One slice as it is kept."""
    return {
        "dataset": part.dataset,
        "tampering": part.tampering,
        "change": part.change,
        "pictures": {"tampered": part.tampered, "authentic": part.authentic, "with_mask": part.with_mask},
        "pixel": {name: estimate_json(part.pixel[name]) for name in KEPT_PIXEL},
        "oracle": {name: estimate_json(part.oracle[name]) for name in KEPT_ORACLE},
        "image": {name: estimate_json(part.image[name]) for name in KEPT_IMAGE},
        "alarms": {name: estimate_json(part.alarms[name]) for name in KEPT_ALARMS},
    }


def plot(document: Mapping[str, Any], path: Path) -> None:
    """Pixel F1 and image AUC of each data set over the changes, with 95 % intervals, as an SVG or PNG."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "robustness"  # the same figures give the same file
    from matplotlib import pyplot

    rows = [r for r in document["rows"] if r["tampering"] is None]
    names = [change or "file" for change in CHANGES]
    colours = {name: f"C{number}" for number, name in enumerate(dict.fromkeys(r["dataset"] for r in rows))}
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4), constrained_layout=True)
    for axis, (group, name, title) in zip(
        axes,
        (("pixel", "f1", "pixel F1 at 0.5"), ("image", "auc", "image AUC")),
        strict=True,
    ):
        for dataset, colour in colours.items():
            found = {r["change"]: r[group][name] for r in rows if r["dataset"] == dataset}
            points = [point for change in CHANGES if (point := found.get(change)) is not None]
            if len(points) < len(CHANGES):
                continue
            values = [p["value"] for p in points]
            below = [p["value"] - (p["value"] if p["low"] is None else p["low"]) for p in points]
            above = [(p["value"] if p["high"] is None else p["high"]) - p["value"] for p in points]
            axis.errorbar(names, values, (below, above), marker="o", capsize=3, label=dataset, color=colour)
        axis.set_title(title)
        axis.set_ylim(0, 1)
        axis.grid(alpha=0.3)
        axis.tick_params(axis="x", rotation=30)
        axis.legend(fontsize=8)
    weights, date = document["weights"], document["provenance"]["date"][:10]
    figure.suptitle(f"Compact engine {weights}, development pictures, {date}; bars: 95 % by scene")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, or draws what was measured; 0 done, 1 refused."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if args.manifest is None:
        plot(json.loads(args.json.read_text()), args.plot)
        return 0
    try:
        document = _document(args)
    except FakeShieldError as error:
        print(error, file=sys.stderr)
        return 1
    write_file(args.json, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    print(_text(document))
    if args.plot is not None:
        plot(document, args.plot)
    return 0


def _document(args: argparse.Namespace) -> dict[str, Any]:
    works = [Work(args.manifest, args.weights, change, args.seed) for change in CHANGES]
    with ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(measured, works))
    manifest = read_manifest(args.manifest)
    rows = [row(part) for each in found for part in each.slices]
    return {
        "provenance": asdict(provenance()),
        "weights": read_compact(args.weights).digest,
        "manifest": {"name": manifest.name, "sha256": manifest.sha256},
        f"f1_left_after_{HELD_AFTER}": held(rows),
        "failures": sorted({failure for each in found for failure in each.failures}),
        "rows": rows,
    }


def _text(document: Mapping[str, Any]) -> str:
    header = (
        "data set",
        "after",
        "F1",
        "pixel AUC",
        "image AUC",
        "found at 5 %",
        "false alarms",
        "calibration",
    )
    lines = [
        (
            r["dataset"],
            r["change"] or "file",
            _short(r["pixel"]["f1"]),
            _short(r["pixel"]["auc"]),
            _short(r["image"]["auc"]),
            _short(r["image"]["detection_at_5_percent"]),
            _short(r["alarms"]["false_alarm_rate"]),
            _short(r["image"]["calibration_error"]),
        )
        for r in document["rows"]
        if r["tampering"] is None
    ]
    left = ", ".join(f"{n} {100 * v:.0f} %" for n, v in document[f"f1_left_after_{HELD_AFTER}"].items())
    failures = [f"not measured: {failure}" for failure in document["failures"]]
    return "\n".join(
        (*table(header, lines), *failures, f"F1 left after {HELD_AFTER} (wanted {HELD_SHARE:.0%}): {left}")
    )


def _short(estimate: Mapping[str, float] | None) -> str:
    return "-" if estimate is None else f"{estimate['value']:.3f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.robustness", description="Accuracy after JPEG, resizing, blur and noise."
    )
    parser.add_argument("--manifest", type=Path, metavar="CSV", help="without it --json is read and drawn")
    parser.add_argument("--weights", type=Path, default=SHIPPED, metavar="DIR", help="compact weights")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the intervals")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="results file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="SVG or PNG to draw")
    return parser


if __name__ == "__main__":
    sys.exit(main())
