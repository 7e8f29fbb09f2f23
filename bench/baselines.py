"""Engine and baselines on the same pictures in one run: `python -m bench.baselines --manifest CSV`.

The engine is taken at threshold 0.5; a baseline at 0.5 and at the single threshold that is best for it on the
data set, chosen with the masks in hand, so the comparison leans towards the baselines.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.baseline_maps import BASELINES, Baseline
from fakeshield_core import metrics
from fakeshield_core.domain import Engine, JsonValue
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.evaluate import EvaluationOptions, evaluate
from fakeshield_core.evaluate_figures import Bootstrap, Estimate
from fakeshield_core.evaluate_report import Report, estimate_json, estimate_text, report_to_json, table
from fakeshield_core.files import read_picture, write_file
from fakeshield_core.manifest import Manifest, ManifestRow, read_manifest, read_mask
from fakeshield_core.provenance import provenance
from fakeshield_core.settings import Settings
from fakeshield_core.sweep import Curve, at_threshold, best_single_threshold, sweep, unit_scale

HALF = 0.5
AUC_SETS = ("CASIA v1.0", "IMD2020 (subset)")  # sets with both classes and forgeries of photographs
FIRM = ("tampered", "no_tampering_found")  # verdicts that decide
UNTOUCHED = ("authentic", "segmentation")  # kinds of pictures that nobody is known to have tampered with
QUALITY = 85  # both classes are recompressed at for the image-level score
AS_JPEG = f"jpeg{QUALITY}"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BaselinePicture:
    """One baseline on one picture."""

    baseline: Baseline
    row: ManifestRow
    f1_curve: Curve
    auc: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """One baseline on one data set."""

    baseline: Baseline
    dataset: str
    f1_at_half: Estimate | None
    best_threshold: float
    f1_at_best: Estimate | None  # at that threshold
    auc: Estimate | None
    cpu_s: Estimate | None
    margin: Estimate | None  # engine at 0.5 minus this baseline at its best, picture by picture


def run_baselines(rows: Sequence[ManifestRow]) -> tuple[BaselinePicture, ...]:
    """Every baseline on every row, each picture decoded once; rows must have a tampering mask.

    Raises:
        InputError: a picture or mask cannot be read, or the two differ in size.
    """
    return tuple(picture for row in rows for picture in _pictures(row))


def baseline_result(
    pictures: Sequence[BaselinePicture], report: Report | None, bootstrap: Bootstrap
) -> BaselineResult:
    """Sums up one baseline's pictures of one data set, beside the engine's where there is a report."""
    threshold, at_best = best_single_threshold([p.f1_curve for p in pictures])
    groups = [p.row.group for p in pictures]
    return BaselineResult(
        baseline=pictures[0].baseline,
        dataset=pictures[0].row.dataset,
        f1_at_half=bootstrap.mean([at_threshold(p.f1_curve, HALF) for p in pictures], groups),
        best_threshold=threshold,
        f1_at_best=bootstrap.mean(at_best.tolist(), groups),
        auc=bootstrap.mean([p.auc for p in pictures], groups),
        cpu_s=bootstrap.mean([p.cpu_s for p in pictures], groups),
        margin=_margin(
            {p.row.name: float(f1) for p, f1 in zip(pictures, at_best, strict=True)}, report, bootstrap
        ),
    )


def compare(
    engine: Engine | None, manifest: Manifest, bootstrap: Bootstrap
) -> tuple[Report | None, tuple[BaselineResult, ...]]:
    """Engine (where given) on all pictures, and every baseline on the tampered ones with a mask.

    Raises:
        InputError: a picture or mask cannot be read.
    """
    options = EvaluationOptions(changes=(None, AS_JPEG), bootstrap=bootstrap)
    report = evaluate(engine, manifest, options) if engine is not None else None
    rows = [row for row in manifest.rows if row.tampering_mask is not None]
    pictures = run_baselines(rows)
    log.info("%d baselines measured on %d pictures", len(BASELINES), len(rows))
    parts = (
        [p for p in pictures if p.row.dataset == dataset and p.baseline is baseline]
        for dataset in dict.fromkeys(row.dataset for row in rows)
        for baseline in BASELINES
    )
    return report, tuple(baseline_result(part, report, bootstrap) for part in parts)


def beaten(results: Sequence[BaselineResult]) -> dict[str, bool]:
    """For each data set, whether the engine at 0.5 is above every baseline at its best single threshold."""
    return {
        dataset: all(r.margin is not None and r.margin.value > 0 for r in results if r.dataset == dataset)
        for dataset in dict.fromkeys(r.dataset for r in results)
    }


def mean_auc(report: Report, datasets: Sequence[str] = AUC_SETS) -> float | None:
    """Mean image-level AUC of the data sets, both classes recompressed; None where one was not measured."""
    found = [part.image["auc"] for name in datasets if (part := report.find(name, AS_JPEG)) is not None]
    values = [estimate.value for estimate in found if estimate is not None]
    return float(np.mean(values)) if len(values) == len(datasets) else None


def pooled_alarms(report: Report) -> dict[str, JsonValue]:
    """All authentic and segmentation pictures, as files: how many are flagged.

    "above_threshold" counts scores, "called_tampered" verdicts, "most_in_a_set" the highest share of a set.
    """
    part = [m for m in report.images if m.change is None and m.row.kind in UNTOUCHED]
    above = [m for m in part if m.score is not None and m.score > m.threshold]
    sizes = Counter(m.row.dataset for m in part)
    shares = {name: sum(m.row.dataset == name for m in above) / size for name, size in sizes.items()}
    return {
        "pictures": len(part),
        "above_threshold": len(above),
        "called_tampered": sum(m.verdict == "tampered" for m in part),
        "most_in_a_set": round(max(shares.values(), default=0.0), 4),
    }


def firm_verdicts(report: Report, datasets: Sequence[str] = AUC_SETS) -> dict[str, JsonValue]:
    """Of the data sets with both classes at equal recompression: how many get a firm verdict, and rightly."""
    part = [m for m in report.images if m.change == AS_JPEG and m.row.is_used and m.row.dataset in datasets]
    firm = [m for m in part if m.verdict in FIRM]
    right = sum((m.verdict == "tampered") == m.row.is_tampered for m in firm)
    return {"pictures": len(part), "firm": len(firm), "right": right}


def comparison_to_json(
    report: Report | None, results: Sequence[BaselineResult], manifest: Manifest
) -> JsonValue:
    """Summary and baselines first, then the engine's whole report."""
    summary: JsonValue = None
    if report is not None:
        summary = {
            "f1_above_every_baseline": dict(beaten(results)),
            "auc_sets": list(AUC_SETS),
            f"mean_image_auc_jpeg_{QUALITY}": mean_auc(report),
            "false_alarms": pooled_alarms(report),
            f"firm_verdicts_jpeg_{QUALITY}": firm_verdicts(report),
        }
    return {
        "provenance": asdict(provenance()),
        "manifest": {"name": manifest.name, "sha256": manifest.sha256},
        "summary": summary,
        "baselines": [_result_json(result) for result in results],
        "engine": None if report is None else report_to_json(report),
    }


def comparison_to_text(report: Report | None, results: Sequence[BaselineResult]) -> str:
    """One table for each data set."""
    return "\n".join(_lines(report, results))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the comparison; 0 done, 1 refused."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        manifest = read_manifest(args.manifest)
        engine = None if args.without_engine else build_engine(args.engine, Settings.from_environment())
        report, results = compare(engine, manifest, Bootstrap(seed=args.seed))
        if args.json is not None:
            document = json.dumps(comparison_to_json(report, results, manifest), indent=1, allow_nan=False)
            write_file(args.json, (document + "\n").encode())
    except FakeShieldError as error:
        print(error, file=sys.stderr)
        return 1
    print(comparison_to_text(report, results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.baselines", description="Engine beside baselines.")
    parser.add_argument("--manifest", type=Path, required=True, metavar="CSV")
    parser.add_argument("--engine", default="compact", metavar="NAME")
    parser.add_argument("--without-engine", action="store_true", help="baselines alone")
    parser.add_argument("--seed", type=int, default=0, help="of the intervals")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    return parser


def _pictures(row: ManifestRow) -> Iterator[BaselinePicture]:
    if row.tampering_mask is None:
        raise ValueError(f"{row.name} has no tampering mask")
    picture, gt_mask = read_picture(row.path), read_mask(row.tampering_mask)
    for baseline in BASELINES:
        began = time.process_time()
        soft_map = unit_scale(baseline.compute(picture))
        cpu_s = time.process_time() - began
        curve = sweep(soft_map, gt_mask).f1()
        yield BaselinePicture(baseline, row, curve, metrics.pixel_auc(soft_map, gt_mask), cpu_s)


def _margin(baseline_f1: Mapping[str, float], report: Report | None, bootstrap: Bootstrap) -> Estimate | None:
    if report is None:
        return None
    pairs = [
        (m.pixel.f1 - baseline_f1[m.row.name], m.group)
        for m in report.images
        if m.change is None and m.pixel is not None and m.row.name in baseline_f1
    ]
    return bootstrap.mean([difference for difference, _ in pairs], [group for _, group in pairs])


def _result_json(result: BaselineResult) -> dict[str, JsonValue]:
    return {
        "name": result.baseline.name,
        "dataset": result.dataset,
        "f1_at_half": estimate_json(result.f1_at_half),
        "best_single_threshold": result.best_threshold,
        "f1_at_best_single_threshold": estimate_json(result.f1_at_best),
        "auc": estimate_json(result.auc),
        "cpu_s": estimate_json(result.cpu_s),
        "engine_minus_baseline": estimate_json(result.margin),
    }


def _lines(report: Report | None, results: Sequence[BaselineResult]) -> Iterator[str]:
    header = ("method", "F1 at 0.5", "F1 at best single", "(threshold)", "AUC", "engine minus this")
    for dataset in dict.fromkeys(result.dataset for result in results):
        yield f"\n{dataset or '(no data set)'}"
        rows = [_row(result) for result in results if result.dataset == dataset]
        part = report.find(dataset) if report is not None else None
        if report is not None and part is not None:
            best = "-" if part.best_threshold is None else f"{part.best_threshold:.3f}"
            f1, auc = estimate_text(part.pixel["f1"]), estimate_text(part.pixel["auc"])
            single = estimate_text(part.oracle["best_single_threshold_f1"])
            rows.insert(0, (f"engine {report.engine.name}", f1, single, best, auc, ""))
        yield from table(header, rows)
    if report is not None:
        auc_text = "not measured" if (value := mean_auc(report)) is None else f"{value:.3f}"
        alarms, firm = pooled_alarms(report), firm_verdicts(report)
        yield f"\nfalse alarms: {alarms}\nfirm verdicts at JPEG {QUALITY}: {firm}"
        yield f"image AUC, both classes at JPEG {QUALITY}, mean of {' and '.join(AUC_SETS)}: {auc_text}"


def _row(result: BaselineResult) -> tuple[str, ...]:
    return (
        result.baseline.title,
        estimate_text(result.f1_at_half),
        estimate_text(result.f1_at_best),
        f"{result.best_threshold:.3f}",
        estimate_text(result.auc),
        estimate_text(result.margin),
    )


if __name__ == "__main__":
    sys.exit(main())
