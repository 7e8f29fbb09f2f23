"""Simulated clicks on the pictures of a manifest, with any method, each picture from the same starts."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from fakeshield_core.clicks import LIMIT, Step, drive, proposing
from fakeshield_core.clicks_figures import Clicked, Start
from fakeshield_core.clicks_shape import is_outlined
from fakeshield_core.domain import BoolMask, Engine, Prompts, Segmenter
from fakeshield_core.errors import EngineUnavailable, ManifestInvalid, MaskShapeMismatch
from fakeshield_core.files import read_picture
from fakeshield_core.manifest import Manifest, ManifestRow, read_mask
from fakeshield_core.picture import Picture
from fakeshield_core.pipeline import analyze_to_end

OURS = "clicks"  # name of our method in reports


@dataclass(frozen=True, slots=True)
class Method:
    """A way to answer clicks."""

    name: str
    prepare: Callable[[Picture], Step]  # the slow half, once a picture


@dataclass(frozen=True, slots=True)
class Annotator:
    """How the simulated person clicks."""

    limit: int = LIMIT
    seed: int = 0  # of the jitter; a picture's clicks depend on it and on the picture's name alone


@dataclass(frozen=True, slots=True)
class Case:
    """A picture with the region that is wanted and the masks to begin with; all (H, W) of the picture."""

    row: ManifestRow
    picture: Picture
    truth: BoolMask
    starts: Mapping[Start, BoolMask]


def our_method(segmenter: Segmenter) -> Method:
    """Clicks as the app takes them."""
    return Method(OURS, lambda picture: proposing(segmenter, segmenter.embed(picture)))


def rows_with_masks(manifest: Manifest) -> tuple[ManifestRow, ...]:
    """The tampered pictures whose region is drawn.

    Raises:
        ManifestInvalid: there are none.
    """
    rows = tuple(row for row in manifest.rows if row.tampering_mask is not None)
    if not rows:
        raise ManifestInvalid(f"The manifest {manifest.name} has no tampered picture with a mask; add some.")
    return rows


def read_case(row: ManifestRow, starts: Sequence[Start], engine: Engine | None) -> Case:
    """Picture, ground truth and starts of a row.

    Args:
        row: with a tampering mask.
        starts: which masks to begin with.
        engine: gives the start "mask".

    Raises:
        InputError: picture or mask cannot be read, they differ in size, or the mask marks nothing.
        EngineError: the engine fails or gives no map.
    """
    if row.tampering_mask is None:
        raise ManifestInvalid(f"{row.name} has no mask; leave it out.")
    picture, truth = read_picture(row.path), read_mask(row.tampering_mask)
    if truth.shape != picture.rgb.shape[:2]:
        raise MaskShapeMismatch("The mask has another size than the picture; correct the manifest.")
    if not truth.any():
        raise ManifestInvalid("The mask marks nothing; correct the manifest.")
    return Case(row, picture, truth, {start: _start(start, picture, engine) for start in starts})


def scaled(case: Case, long_side_px: int) -> Case:
    """The case with its picture and masks brought to a longer side; the file's bytes and facts stay."""
    height, width = case.truth.shape
    factor = long_side_px / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    rgb = np.asarray(Image.fromarray(case.picture.rgb).resize(size, Image.Resampling.BILINEAR))
    return Case(
        case.row,
        replace(case.picture, rgb=rgb),
        _resized(case.truth, size),
        {start: _resized(mask, size) for start, mask in case.starts.items()},
    )


def click_through(case: Case, methods: Sequence[Method], annotator: Annotator) -> Iterator[Clicked]:
    """Every method from every start."""
    outlined = is_outlined(case.picture.rgb, case.truth)
    for method in methods:
        step = method.prepare(case.picture)
        for start, mask in case.starts.items():
            rng = np.random.default_rng([annotator.seed, zlib.crc32(case.row.name.encode())])
            timed = _Timed(step)
            result = drive(timed, case.truth, mask, annotator.limit, rng)
            yield Clicked(
                row=case.row,
                method=method.name,
                start=start,
                outlined=outlined,
                clicks=result.clicks,
                ious=result.ious,
                limit=annotator.limit,
                cpu_s=timed.cpu_s,
            )


class _Timed:
    """A step that counts its CPU-seconds."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.cpu_s = 0.0

    def __call__(self, prompts: Prompts, current: BoolMask) -> BoolMask:
        began = time.process_time()
        mask = self._step(prompts, current)
        self.cpu_s += time.process_time() - began
        return mask


def _start(start: Start, picture: Picture, engine: Engine | None) -> BoolMask:
    if start == "zero":
        return np.zeros(picture.rgb.shape[:2], np.bool_)
    mask = None if engine is None else analyze_to_end(engine, picture).mask
    if mask is None:
        raise EngineUnavailable("This engine gives no mask; run the command with --from zero.")
    return mask


def _resized(mask: BoolMask, size: tuple[int, int]) -> BoolMask:
    soft = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(np.asarray(soft) > 127)
