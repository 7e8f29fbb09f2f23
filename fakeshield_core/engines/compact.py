"""The compact engine: our own network on a CPU. Verdict and map from one pass over the picture."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from fakeshield_core import imaging, masks, orientation
from fakeshield_core.adapters import read_adapter
from fakeshield_core.checkpoints.compact import (
    SHIPPED,
    Calibration,
    CompactCheckpoint,
    adapted,
    read_compact,
)
from fakeshield_core.domain import (
    EngineInfo,
    Finding,
    Logits,
    MapReady,
    RgbImage,
    SoftMap,
    Stability,
    Update,
    Verdict,
    VerdictReady,
)
from fakeshield_core.engines.copied import copied_region, with_copies
from fakeshield_core.engines.tiles import Tile, analysed_size, blended, padded_side, tiles_for
from fakeshield_core.errors import EngineOutOfMemory
from fakeshield_core.evidence.blocks import flat_share
from fakeshield_core.evidence.copies import Copies, find_copies
from fakeshield_core.evidence.kinds import read_kind
from fakeshield_core.networks.compact import CompactNetwork, Features
from fakeshield_core.picture import Picture
from fakeshield_core.threads import use_threads

log = logging.getLogger(__name__)

VERSION = "1"
MASK_THRESHOLD = 0.5
MAP_STRIDE = 4  # pixels in a map cell
FEATURE_STRIDE = 16  # pixels in a cell of the self-correlation
CHECKED_FIRST = 512 * 512  # pixels; up to here altered copies are read before the verdict
PEAK_SHARE = 0.02  # of the map: its strongest places
SMALL_SIDE = 256  # pixels; below, the score band widens
COARSE_TABLE = 60.0  # mean luma quantisation step; above (about quality 50), the score band widens
DRAWN_SHARE = 0.5  # of flat blocks; more in 1 of 415 training pictures, scratch script, 2026-11-27
WIDER = 1.6  # factor of the band's width for each of these
RECOMPRESS_QUALITY = 85
COPIES_WEIGH = 1 / 6  # of the way from the score to the copies' mean: the band's reach where one disagrees
UNCHECKED = "This picture could not be read once more, recompressed and at half size."
LIMITS = (
    "Areas smaller than about 32 × 32 pixels",
    "A photo taken of a screen or a print",
    "Changes to the whole picture: crop, filter, full AI generation",
    "Staged scenes and false captions",
)
NO_TABLE = np.ones((8, 8), np.float32)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network says about one picture."""

    logits: Logits  # (H/4, W/4) of the analysed, padded picture
    pooled: npt.NDArray[np.float32]  # (2C,) CLS and mean patch tokens, averaged over the tiles
    label: float  # image-level logit read from them
    peak: float  # mean logit of the map's strongest places
    pairs: int = 0  # places that agree on one copied area

    def soft_map(self, height: int, width: int) -> SoftMap:
        """The map at pixel scale: (height, width) of the analysed picture."""
        return _enlarged(self.logits, height, width)

    def score_logit(self, calibration: Calibration) -> float:
        """The calibrated score before the sigmoid."""
        return (
            calibration.bias
            + calibration.label_weight * self.label
            + calibration.peak_weight * self.peak
            + calibration.copies_weight * math.log1p(self.pairs)
        )


class CompactEngine:
    """Immutable; several requests may run on it at once.

    Args:
        checks_stability: whether a recompressed and a half-size copy are read too, which takes as long again.
            Score and map are the same without; a verdict that hangs on them may come out firm.
    """

    def __init__(
        self, checkpoint: CompactCheckpoint, device: str = "cpu", checks_stability: bool = True
    ) -> None:
        self._checks_stability = checks_stability
        self._network = checkpoint.network.to(device)
        self._calibration = checkpoint.calibration
        self._device = device
        self.info = EngineInfo(
            name="compact",
            version=VERSION,
            weights=checkpoint.digest,
            adapter=checkpoint.adapter,
            device=device,
            gives=frozenset({"verdict", "map"}),
            limits=LIMITS,
        )

    def analyze(self, picture: Picture) -> Iterator[Update]:
        """VerdictReady, MapReady at the picture's size, and VerdictReady again where it was to be checked.

        Altered copies of a small picture are read before the verdict, of a larger one after the map. A
        finding comes with the verdict *tampered* only.

        Raises:
            EngineOutOfMemory: the machine has too little free memory for this picture.
        """
        height, width = picture.rgb.shape[:2]
        size = analysed_size(height, width)
        copies = find_copies(picture.rgb)
        reading = replace(self._read_picture(picture, size), pairs=len(copies.pairs) if copies else 0)
        is_small = height * width <= CHECKED_FIRST
        checks_later = self._checks_stability and not is_small
        scores = self._altered(picture, reading.pairs, size) if self._checks_stability and is_small else ()
        decided = replace(self._verdict(picture, reading, size, scores), to_be_checked=checks_later)
        upright = orientation.upright(
            _enlarged(reading.logits, *_stored_hw(size, picture)), picture.facts.orientation
        )
        soft_map = _fitted(upright, height, width)
        soft_map = with_copies(soft_map, copies) if copies else soft_map
        if decided.verdict == "tampered":
            found = _finding(picture.rgb, soft_map, copies, _sigmoid(reading.score_logit(self._calibration)))
            decided = replace(decided, findings=(found,))
        yield decided
        yield MapReady(soft_map, MASK_THRESHOLD)
        if checks_later:
            yield self._checked(decided, picture, reading, size)

    def read(self, rgb: RgbImage, table: npt.NDArray[np.float32] = NO_TABLE) -> Reading:
        """The network's reading of pixels that lie on their JPEG grid.

        Args:
            rgb: (H, W, 3), at most four megapixels.
            table: (8, 8) luma quantisation steps, ones where there are none.
        """
        height, width = rgb.shape[:2]
        tall, wide = padded_side(height), padded_side(width)
        padded = np.pad(rgb, ((0, tall - height), (0, wide - width), (0, 0)), mode="edge")
        try:
            with torch.inference_mode():
                pieces, pooled = _run(
                    self._network, self._tensor(padded), self._steps(table), tiles_for(height, width)
                )
                label = float(self._network.score(pooled))
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise EngineOutOfMemory(
                "There is too little free memory for this picture; try a smaller copy."
            ) from error
        logits = blended(pieces, tall, wide, MAP_STRIDE)
        inside = logits[: -(-height // MAP_STRIDE), : -(-width // MAP_STRIDE)]
        return Reading(logits, pooled[0].float().cpu().numpy(), label, _peak(inside))

    def score(self, reading: Reading) -> float:
        """The calibrated score of a reading, 0..1."""
        return _sigmoid(reading.score_logit(self._calibration))

    @property
    def threshold(self) -> float:
        """A score above it is tampering, 0..1."""
        return self._calibration.threshold

    def _tensor(self, rgb: RgbImage) -> Tensor:
        planes = torch.from_numpy(np.ascontiguousarray(rgb)).to(self._device).permute(2, 0, 1)[None].float()
        return planes.contiguous(memory_format=torch.channels_last)

    def _steps(self, table: npt.NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(table, np.float32)).to(self._device)[None]

    def _read_picture(self, picture: Picture, size: tuple[int, int]) -> Reading:
        """Pixels as stored in the file, where the JPEG grid lies; scaled down only beyond four megapixels."""
        rgb = picture.rgb if size == picture.rgb.shape[:2] else imaging.resize_rgb(picture.rgb, *size)
        known = picture.jpeg is not None and size == picture.rgb.shape[:2]
        table = picture.jpeg.luma_table.astype(np.float32) if known and picture.jpeg is not None else NO_TABLE
        return self.read(orientation.stored(rgb, picture.facts.orientation), table)

    def _checked(
        self, decided: VerdictReady, picture: Picture, reading: Reading, size: tuple[int, int]
    ) -> VerdictReady:
        """The verdict after its check; as it was, with a warning, where that fails."""
        try:
            scores = self._altered(picture, reading.pairs, size)
        except Exception:  # whatever it is, the answer has been given and is not taken back
            log.exception("the verdict could not be checked")
            return replace(decided, to_be_checked=False, warnings=(*decided.warnings, UNCHECKED))
        checked = self._verdict(picture, reading, size, scores)
        return replace(checked, findings=decided.findings if checked.verdict == "tampered" else ())

    def _verdict(
        self, picture: Picture, reading: Reading, size: tuple[int, int], altered: Sequence[float]
    ) -> VerdictReady:
        """The verdict from the score logits of the picture and, where read, of its altered copies."""
        calibration = self._calibration
        centre = reading.score_logit(calibration)
        wider, warnings = self._wider(picture, size)
        more = (wider - 1) * (calibration.band_below + calibration.band_above) / 2  # on either side
        low, high = centre - calibration.band_below - more, centre + calibration.band_above + more
        edge = float(np.log(calibration.threshold / (1 - calibration.threshold)))
        if any((other > edge) != (centre > edge) for other in altered):
            between = centre + COPIES_WEIGH * (sum(altered) / len(altered) - centre)
            low, high = min(low, between), max(high, between)
        stability = Stability(*map(_sigmoid, altered)) if altered else None
        verdict: Verdict = (
            "inconclusive" if low < edge < high else "tampered" if centre > edge else "no_tampering_found"
        )
        score = _sigmoid(centre)
        band = (_sigmoid(low), _sigmoid(high))
        return VerdictReady(verdict, score, band, calibration.threshold, (), stability, warnings)

    def _wider(self, picture: Picture, size: tuple[int, int]) -> tuple[float, tuple[str, ...]]:
        """By which factor the band is wider than usual, and why."""
        height, width = picture.rgb.shape[:2]
        reasons = []
        if min(height, width) < SMALL_SIDE:
            reasons.append(f"This picture is small ({width} × {height}); the score is less certain.")
        if picture.jpeg is not None and float(picture.jpeg.luma_table.mean()) > COARSE_TABLE:
            reasons.append("This picture is strongly compressed; the score is less certain.")
        if flat_share(picture.rgb) > DRAWN_SHARE:
            reasons.append(
                "Most of this picture is of even colours, as in drawings and screenshots; the engine learnt "
                "from photographs: the score is less certain."
            )
        if size != (height, width):
            reasons.append(
                f"This picture has {height * width / 1e6:.0f} megapixels; it was analysed at "
                f"{size[1]} × {size[0]}: the score is less certain and fine traces may be lost."
            )
        return WIDER ** len(reasons), tuple(reasons)

    def _altered(self, picture: Picture, pairs: int, size: tuple[int, int]) -> tuple[float, ...]:
        """Score logits of the picture compressed again and at half size; copied areas are not sought anew."""
        rgb = picture.rgb if size == picture.rgb.shape[:2] else imaging.resize_rgb(picture.rgb, *size)
        again = self.read(imaging.recompress(rgb, RECOMPRESS_QUALITY))
        half = self.read(imaging.resize_rgb(rgb, max(16, size[0] // 2), max(16, size[1] // 2)))
        readings = (replace(reading, pairs=pairs) for reading in (again, half))
        return tuple(reading.score_logit(self._calibration) for reading in readings)


def build(
    threads: int, adapter: Path | None = None, folder: Path = SHIPPED, device: str = "cpu"
) -> CompactEngine:
    """The engine with its shipped weights.

    Args:
        adapter: folder of a trained adapter, merged into the weights; None: the base alone.

    Raises:
        EngineUnavailable: weights are missing or damaged.
        AdapterIncompatible: the adapter is damaged, or for another base.
    """
    use_threads(threads)
    checkpoint = read_compact(folder)
    if adapter is not None:
        checkpoint = adapted(checkpoint, read_adapter(adapter))
    return CompactEngine(checkpoint, device)


def _run(
    network: CompactNetwork, planes: Tensor, table: Tensor, tiles: tuple[Tile, ...]
) -> tuple[list[tuple[Tile, Logits]], Tensor]:
    """Convolutions tile by tile, self-correlation over the whole picture, then the rest tile by tile."""
    features = [network.features(_window(planes, tile, 1), table) for tile in tiles]
    whole = _assembled(tiles, features, planes.shape[2] // FEATURE_STRIDE, planes.shape[3] // FEATURE_STRIDE)
    correlation = network.correlation(whole)
    pieces, pooled = [], []
    for tile, part in zip(tiles, features, strict=True):
        decision = network.decide(part, _window(correlation, tile, FEATURE_STRIDE))
        pieces.append((tile, decision.mask_logits[0].float().cpu().numpy()))
        pooled.append(decision.pooled)
    return pieces, torch.cat(pooled).mean(dim=0, keepdim=True)


def _window(planes: Tensor, tile: Tile, stride: int) -> Tensor:
    top, left = tile.top // stride, tile.left // stride
    return planes[:, :, top : top + tile.height // stride, left : left + tile.width // stride]


def _assembled(tiles: tuple[Tile, ...], features: list[Features], rows: int, columns: int) -> Tensor:
    """The tiles' 1/16 features put together; where tiles overlap the later one counts."""
    if len(tiles) == 1:
        return features[0].sixteenth
    first = features[0].sixteenth
    whole = first.new_zeros((1, first.shape[1], rows, columns))
    for tile, part in zip(tiles, features, strict=True):
        _window(whole, tile, FEATURE_STRIDE).copy_(part.sixteenth)
    return whole


def _finding(rgb: RgbImage, soft_map: SoftMap, copies: Copies | None, score: float) -> Finding:
    """What was done in one area of the mask: its kind where that is likely enough, else "unknown".

    The area is the one that holds most of what counts as copied, without copies the largest.
    """
    mask = masks.threshold(soft_map, MASK_THRESHOLD)
    labels = masks.label_regions(mask, masks.min_region_px(*mask.shape)).labels
    region = copied_region(labels, copies) if copies else 1
    read = read_kind(rgb, labels == region, copies)
    if read is None or read.stated == "unknown":
        return Finding("unknown", score, region)
    return Finding(read.stated, read.probabilities[read.stated], region)


def _peak(logits: Logits) -> float:
    count = max(1, round(PEAK_SHARE * logits.size))
    return float(np.partition(logits.ravel(), -count)[-count:].mean())


def _stored_hw(size: tuple[int, int], picture: Picture) -> tuple[int, int]:
    """Height and width of the analysed picture as the file stores it: sides exchanged for EXIF 5..8."""
    return (size[1], size[0]) if picture.facts.orientation >= 5 else size


def _enlarged(logits: Logits, height: int, width: int) -> SoftMap:
    """Probabilities at pixel scale: (H, W), padding cut off."""
    tensor = torch.from_numpy(logits)[None, None]
    large = functional.interpolate(
        tensor, scale_factor=float(MAP_STRIDE), mode="bilinear", align_corners=False
    )
    probability: SoftMap = torch.sigmoid(large)[0, 0, :height, :width].numpy()
    return probability


def _fitted(soft_map: SoftMap, height: int, width: int) -> SoftMap:
    if soft_map.shape == (height, width):
        return np.ascontiguousarray(soft_map)
    return imaging.resize_map(soft_map, height, width)


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))
