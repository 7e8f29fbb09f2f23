"""Measures an engine on a manifest, picture by picture; `evaluate_figures` and `evaluate_report` sum it up.

Protocol: IMDL-BenCo 3efef9b. Pixel metrics are computed per picture at a strict threshold of 0.5 and then
averaged, on tampered pictures with a mask only; image-level metrics on tampered and authentic pictures of one
data set together.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from fakeshield_core import metrics
from fakeshield_core.changes import change_named, fitted_mask, jpeg_quality
from fakeshield_core.domain import Analysis, BoolMask, Engine, SoftMap
from fakeshield_core.errors import EngineUnavailable, FakeShieldError, ManifestInvalid
from fakeshield_core.evaluate_figures import (
    PROTOCOL_THRESHOLD,
    Bootstrap,
    Failure,
    Measured,
    OracleScores,
    PixelScores,
)
from fakeshield_core.evaluate_report import Report, report
from fakeshield_core.files import read_picture, write_file
from fakeshield_core.imaging import decode, encode_map_png, resize_map
from fakeshield_core.manifest import Manifest, ManifestRow, read_mask
from fakeshield_core.picture import Picture
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.sweep import sweep
from fakeshield_core.synthesis.history import jpeg_bytes

FIXED_SIDE_PX = 512  # the side most published tables are measured at
LOG_EVERY = 25  # pictures

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What to measure, and how intervals are made."""

    changes: tuple[str | None, ...] = (None,)  # every picture is measured after each; None: the file as it is
    kinds: frozenset[str] = frozenset()  # only rows of these kinds; empty: all
    maps: Path | None = None  # folder for 8-bit maps of the original files
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


def evaluate(engine: Engine, manifest: Manifest, options: EvaluationOptions | None = None) -> Report:
    """Everything measured about the engine on the manifest's pictures.

    A picture that cannot be read or analysed is listed under `failures`; the others go on.

    Raises:
        ManifestInvalid: no row is of the kinds asked for, or a map would overwrite another file.
        InputError: a change is not known.
        EngineUnavailable: maps are asked for and the engine gives none.
    """
    chosen = options if options is not None else EvaluationOptions()
    rows = [row for row in manifest.rows if not chosen.kinds or row.kind in chosen.kinds]
    if not rows:
        raise ManifestInvalid(f"The manifest {manifest.name} has no row of these kinds; ask for other kinds.")
    if chosen.maps is not None and "map" not in engine.info.gives:
        raise EngineUnavailable(f"The engine {engine.info.name} gives no map; leave the folder for maps out.")
    targets = map_targets(manifest, rows, chosen.maps) if chosen.maps is not None else {}
    for name in filter(None, chosen.changes):
        change_named(name)
    measured: list[Measured] = []
    failures: list[Failure] = []
    for number, row in enumerate(rows, start=1):
        try:
            measured.extend(_measure_row(engine, row, chosen.changes, targets.get(row.name)))
        except FakeShieldError as error:
            failures.append(Failure(row.name, str(error)))
        if number % LOG_EVERY == 0 or number == len(rows):
            log.info("%d of %d pictures measured", number, len(rows))
    return report(engine.info, manifest, (measured, failures), chosen.bootstrap)


def map_targets(manifest: Manifest, rows: Sequence[ManifestRow], folder: Path) -> dict[str, Path]:
    """Where each row's map goes, by row name: `<path without suffix>.png` in the folder.

    Raises:
        ManifestInvalid: two pictures would share a file, or a file of the manifest would be overwritten.
    """
    taken = {path for row in manifest.rows for path in (row.path, row.mask) if path is not None}
    targets: dict[str, Path] = {}
    for row in rows:
        relative = PurePosixPath(row.path.relative_to(manifest.folder).as_posix()).with_suffix(".png")
        target = (folder / relative).resolve()
        if target in taken:
            raise ManifestInvalid(f"The map of {row.name} would overwrite {relative}; name another folder.")
        targets[row.name] = target
        taken.add(target)
    return targets


def changed(picture: Picture, name: str) -> Picture:
    """The picture as if saved once more after a change: after `jpeg` as that file, else lossless.

    Raises:
        InputError: the change is not known.
    """
    quality = jpeg_quality(name)
    if quality is not None:
        return decode(jpeg_bytes(picture.rgb, quality), None)
    buffer = io.BytesIO()
    Image.fromarray(change_named(name)(picture.rgb)).save(buffer, "PNG", compress_level=1)
    return decode(buffer.getvalue(), None)


def pixel_scores(soft_map: SoftMap, mask: BoolMask, gt_mask: BoolMask) -> tuple[PixelScores, OracleScores]:
    """All pixel metrics of one picture, those that need the ground truth to be reached apart.

    Args:
        soft_map: (H, W), 0..1.
        mask: (H, W), the engine's own mask.
        gt_mask: (H, W), True = tampered.

    Raises:
        MaskShapeMismatch: the ground truth has another size than the picture.
        EngineOutputInvalid: a value of the map is not within 0..1.
    """
    curve = sweep(soft_map, gt_mask).f1()
    pred_mask = soft_map > PROTOCOL_THRESHOLD
    small_mask, small_gt = _resized(soft_map) > PROTOCOL_THRESHOLD, _resized_mask(gt_mask)
    scores = PixelScores(
        f1=metrics.pixel_f1(pred_mask, gt_mask),
        iou=metrics.pixel_iou(pred_mask, gt_mask),
        auc=metrics.pixel_auc(soft_map, gt_mask),
        average_precision=metrics.pixel_average_precision(soft_map, gt_mask),
        f1_engine_threshold=metrics.pixel_f1(mask, gt_mask),
        iou_engine_threshold=metrics.pixel_iou(mask, gt_mask),
        f1_512=metrics.pixel_f1(small_mask, small_gt),
        iou_512=metrics.pixel_iou(small_mask, small_gt),
    )
    best_f1 = metrics.best_threshold_f1(soft_map, gt_mask).f1
    return scores, OracleScores(best_f1, metrics.permute_f1(pred_mask, gt_mask), curve)


def _measure_row(
    engine: Engine, row: ManifestRow, changes: Sequence[str | None], target: Path | None
) -> Iterator[Measured]:
    picture = read_picture(row.path)
    gt_mask = read_mask(row.tampering_mask) if row.tampering_mask is not None else None
    for change in changes:
        shown = picture if change is None else changed(picture, change)
        cpu_began, wall_began = time.process_time(), time.perf_counter()
        analysis = analyze_to_end(engine, shown)
        spent = time.process_time() - cpu_began, time.perf_counter() - wall_began
        if change is None and target is not None and analysis.soft_map is not None:
            write_file(target, encode_map_png(analysis.soft_map))
        yield _measured((row, change), _at_size(analysis, picture), gt_mask, spent)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the engine said, map and mask at the size of the picture as the file has it."""

    analysis: Analysis
    soft_map: SoftMap | None
    mask: BoolMask | None


def _at_size(analysis: Analysis, picture: Picture) -> _Answer:
    """The answer about a picture, or about a copy of another size."""
    height, width = picture.rgb.shape[:2]
    soft_map, mask = analysis.soft_map, analysis.mask
    if soft_map is not None and soft_map.shape != (height, width):
        soft_map = resize_map(soft_map, height, width)
    return _Answer(analysis, soft_map, None if mask is None else fitted_mask(mask, height, width))


def _measured(
    of: tuple[ManifestRow, str | None],
    answer: _Answer,
    gt_mask: BoolMask | None,
    spent_s: tuple[float, float],
) -> Measured:
    pixel, oracle = None, None
    if answer.soft_map is not None and answer.mask is not None and gt_mask is not None:
        pixel, oracle = pixel_scores(answer.soft_map, answer.mask, gt_mask)
    marked = None if answer.soft_map is None else float(np.mean(answer.soft_map > PROTOCOL_THRESHOLD))
    return Measured(
        row=of[0],
        change=of[1],
        verdict=answer.analysis.verdict,
        score=answer.analysis.score,
        threshold=answer.analysis.threshold,
        marked_fraction=marked,
        mask_fraction=None if answer.mask is None else float(np.mean(answer.mask)),
        pixel=pixel,
        oracle=oracle,
        cpu_s=spent_s[0],
        wall_s=spent_s[1],
    )


def _resized(soft_map: SoftMap) -> SoftMap:
    resized = Image.fromarray(soft_map).resize((FIXED_SIDE_PX, FIXED_SIDE_PX), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.float32)


def _resized_mask(mask: BoolMask) -> BoolMask:
    resized = Image.fromarray(mask.astype(np.uint8)).resize(
        (FIXED_SIDE_PX, FIXED_SIDE_PX), Image.Resampling.NEAREST
    )
    return np.asarray(resized) > 0
