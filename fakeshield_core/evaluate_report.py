"""The report of an evaluation: one record, its JSON, and a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from fakeshield_core.domain import EngineInfo, JsonValue
from fakeshield_core.evaluate_figures import Bootstrap, Estimate, Failure, Measured, Slice, slices
from fakeshield_core.manifest import Manifest
from fakeshield_core.provenance import Provenance, provenance

REPORT_VERSION = 2  # 1 had `recompressed_at`, a JPEG quality, in the place of `change`
PROTOCOL = (
    "IMDL-BenCo 3efef9b: pixel metrics per picture at strict threshold 0.5, averaged over tampered pictures "
    "with a mask, at picture size (and at 512 x 512 where named so); image metrics on tampered and authentic "
    "pictures of a data set together; maps of changed sizes are brought back to picture size; "
    "intervals 95 %, bootstrap over groups."
)
DIGITS = 4  # of every figure in the JSON


@dataclass(frozen=True, slots=True)
class Report:
    """Everything an evaluation found."""

    engine: EngineInfo
    manifest: str  # file name
    manifest_sha256: str
    provenance: Provenance
    bootstrap: Bootstrap
    slices: tuple[Slice, ...]
    images: tuple[Measured, ...]
    failures: tuple[Failure, ...]

    @property
    def unused(self) -> int:
        """Pictures that enter no figure: neither tampered nor to be trusted as authentic."""
        return sum(not m.row.is_used and m.change is None for m in self.images)

    def find(self, dataset: str, change: str | None = None, tampering: str | None = None) -> Slice | None:
        """The slice of a data set, None where nothing of it was measured."""
        wanted = (dataset, change, tampering)
        return next((s for s in self.slices if (s.dataset, s.change, s.tampering) == wanted), None)


def report(
    engine: EngineInfo,
    manifest: Manifest,
    found: tuple[Sequence[Measured], Sequence[Failure]],
    bootstrap: Bootstrap,
) -> Report:
    """Sums up what was measured (`found`: pictures and failures)."""
    measured, failures = found
    return Report(
        engine=engine,
        manifest=manifest.name,
        manifest_sha256=manifest.sha256,
        provenance=provenance(),
        bootstrap=bootstrap,
        slices=slices(measured, bootstrap),
        images=tuple(measured),
        failures=tuple(failures),
    )


def report_to_json(report: Report) -> dict[str, JsonValue]:
    """The report as a JSON object; figures rounded to four digits."""
    engine = asdict(report.engine) | {
        "gives": sorted(report.engine.gives),
        "limits": list(report.engine.limits),
    }
    return {
        "report_version": REPORT_VERSION,
        "protocol": PROTOCOL,
        "engine": engine,
        "manifest": {"name": report.manifest, "sha256": report.manifest_sha256},
        "provenance": asdict(report.provenance),
        "bootstrap": asdict(report.bootstrap),
        "slices": [_slice_json(part) for part in report.slices],
        "failures": [asdict(failure) for failure in report.failures],
        "unused_pictures": report.unused,
        "images": _images_json(report.images),
    }


def report_to_text(report: Report) -> str:
    """The report as a table: one line for each data set, kind and condition."""
    return "\n".join(_lines(report))


def estimate_json(estimate: Estimate | None) -> JsonValue:
    """An estimate as a JSON object, null where nothing was measured."""
    if estimate is None:
        return None
    return {
        "value": round(estimate.value, DIGITS),
        "low": _rounded(estimate.low),
        "high": _rounded(estimate.high),
        "n": estimate.n,
    }


def estimate_text(estimate: Estimate | None) -> str:
    """An estimate as people read it: ".312 [.270-.355]"."""
    if estimate is None:
        return "-"
    value = f"{estimate.value:.3f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{estimate.low:.3f}-{estimate.high:.3f}]"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table with aligned columns."""
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    for line in (header, ["-" * width for width in widths], *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _lines(report: Report) -> Iterator[str]:
    source = report.provenance
    yield f"{report.engine.name} {report.engine.version}, weights {report.engine.weights}, {report.manifest}"
    yield f"{source.date}, code {source.code or 'unknown'}, {source.cpu}, {source.cores} cores"
    yield ""
    yield "Where (pixels; mean over tampered pictures with a mask)"
    header = (
        "data set",
        "as",
        "n",
        "F1 at 0.5",
        "IoU",
        "AUC",
        "F1, own threshold",
        "best single",
        "permuted",
    )
    yield from table(header, [_pixel_row(part) for part in report.slices if part.with_mask])
    yield ""
    yield "Whether (pictures; own threshold)"
    header = (
        "data set",
        "as",
        "n",
        "AUC",
        "balanced",
        "found at 5 %",
        "false alarms",
        "marked area",
        "unsure",
    )
    yield from table(header, [_image_row(part) for part in report.slices])
    if report.unused:
        yield f"\n{report.unused} pictures are neither tampered nor surely authentic; they enter no figure."
    for failure in report.failures:
        yield f"not measured: {failure.name}: {failure.reason}"


def _title(part: Slice) -> str:
    name = part.dataset or "(no data set)"
    return name if part.tampering is None else f"  {part.tampering or 'kind not told'}"


def _condition(part: Slice) -> str:
    return "file" if part.change is None else part.change


def _pixel_row(part: Slice) -> tuple[str, ...]:
    names = ("f1", "iou", "auc", "f1_engine_threshold")
    oracles = ("best_single_threshold_f1", "permute_f1")
    figures = [estimate_text(part.pixel[names[0]])]
    figures += [_short(part.pixel[name]) for name in names[1:]]
    figures += [_short(part.oracle[name]) for name in oracles]
    return (_title(part), _condition(part), str(part.with_mask), *figures)


def _image_row(part: Slice) -> tuple[str, ...]:
    return (
        _title(part),
        _condition(part),
        f"{part.tampered}+{part.authentic}",
        estimate_text(part.image["auc"]),
        _short(part.image["balanced_accuracy"]),
        _short(part.image["detection_at_5_percent"]),
        _short(part.alarms["false_alarm_rate"]),
        _short(part.alarms["false_alarm_area"]),
        str(sum(verdicts.get("inconclusive", 0) for verdicts in part.verdicts.values())),
    )


def _short(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.3f}"


def _slice_json(part: Slice) -> dict[str, JsonValue]:
    def estimates(figures: Mapping[str, Estimate | None]) -> dict[str, JsonValue]:
        return {name: estimate_json(estimate) for name, estimate in figures.items()}

    return {
        "dataset": part.dataset,
        "tampering": part.tampering,
        "change": part.change,
        "pictures": {"tampered": part.tampered, "authentic": part.authentic, "with_mask": part.with_mask},
        "pixel": estimates(part.pixel),
        "oracle": {**estimates(part.oracle), "best_single_threshold": part.best_threshold},
        "image": estimates(part.image),
        "alarms": estimates(part.alarms),
        "verdicts": {label: dict(counts) for label, counts in part.verdicts.items()},
        "cpu_s": estimate_json(part.cpu_s),
        "wall_s": estimate_json(part.wall_s),
    }


def _images_json(images: Sequence[Measured]) -> list[JsonValue]:
    by_name: dict[str, list[Measured]] = {}
    for measured in images:
        by_name.setdefault(measured.row.name, []).append(measured)
    return [
        {
            "path": name,
            "columns": {
                key: value for key, value in group[0].row.columns.items() if key not in ("path", "mask")
            },
            "measured": [_measured_json(measured) for measured in group],
        }
        for name, group in by_name.items()
    ]


def _measured_json(measured: Measured) -> dict[str, JsonValue]:
    pixel: dict[str, JsonValue] = {}
    if measured.pixel is not None and measured.oracle is not None:
        pixel = {name: _rounded(value) for name, value in asdict(measured.pixel).items()}
        pixel["oracle"] = {
            "best_f1": _rounded(measured.oracle.best_f1),
            "permute_f1": _rounded(measured.oracle.permute_f1),
        }
    return {
        "change": measured.change,
        "verdict": measured.verdict,
        "score": _rounded(measured.score),
        "threshold": measured.threshold,
        "marked_fraction": _rounded(measured.marked_fraction),
        "mask_fraction": _rounded(measured.mask_fraction),
        "pixel": pixel or None,
        "cpu_s": _rounded(measured.cpu_s),
        "wall_s": _rounded(measured.wall_s),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
