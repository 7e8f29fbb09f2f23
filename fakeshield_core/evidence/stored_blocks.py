"""Blocks of the picture as the file stores it, where the JPEG grid lies, and regions on the same grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fakeshield_core import orientation
from fakeshield_core.domain import Plane, Region
from fakeshield_core.errors import MaskShapeMismatch
from fakeshield_core.evidence.blocks import BLOCK_PX, TILE_PX, Sampling, luma
from fakeshield_core.evidence.contrast import (
    FILLED,
    MIN_INSIDE,
    MIN_OUTSIDE,
    GridMask,
    Labels,
    share,
)
from fakeshield_core.evidence.level_test import place_words
from fakeshield_core.evidence.region_rows import RegionRow, unmeasured
from fakeshield_core.evidence.windows import spread_out
from fakeshield_core.picture import Picture


@dataclass(frozen=True, slots=True)
class StoredBlocks:
    """The measured luma of a picture, its axes and origin those of the file."""

    plane: Plane  # (8h, 8w), grey levels; above 4 megapixels tiles side by side, as `Sampling.take`
    sampling: Sampling  # of the picture as stored
    orientation: int  # EXIF value 1..8

    @classmethod
    def of(cls, picture: Picture, upright_luma: Plane) -> StoredBlocks:
        """Those of a picture.

        Args:
            upright_luma: what `Sampling.take` gives of it; used again where the file is stored upright.
        """
        turn = picture.facts.orientation
        if turn == 1:
            return cls(upright_luma, Sampling.of(picture.rgb.shape), turn)
        frame = orientation.stored(picture.rgb, turn)
        sampling = Sampling.of(frame.shape)
        return cls(luma(sampling.take(frame)), sampling, turn)

    @property
    def joined(self) -> GridMask:
        """(h, w): True where the blocks right and below are neighbours in the picture too."""
        rows, columns = self.sampling.grid_hw
        tile = TILE_PX // BLOCK_PX
        down, across = (
            (np.arange(1, count + 1) % tile != 0) if self.sampling.step > 1 else np.ones(count, np.bool_)
            for count in (rows, columns)
        )
        down[-1:], across[-1:] = False, False
        return np.logical_and.outer(down, across)

    def upright(self, grid: Plane) -> Plane:
        """An (h, w) grid as a smooth plane of the upright picture."""
        return np.ascontiguousarray(orientation.upright(self.sampling.spread(grid), self.orientation))


@dataclass(frozen=True, slots=True)
class Marked:
    """Regions on the grid of `StoredBlocks`."""

    inside: Mapping[int, GridMask]  # region id -> (h, w)
    outside: GridMask  # no pixel of any region, nor next to a block with one
    regions: Sequence[Region]

    @classmethod
    def of(cls, labels: Labels, regions: Sequence[Region], turn: int, grid_hw: tuple[int, int]) -> Marked:
        """Those of upright labels.

        Args:
            labels: (H, W), region ids, 0 = outside.
            regions: those to compare.
            turn: EXIF orientation of the measured picture.
            grid_hw: what the measured grids have to match.

        Raises:
            MaskShapeMismatch: the labels do not belong to the picture that was measured.
        """
        frame = orientation.stored(labels, turn)
        sampling = Sampling.of(frame.shape)
        if sampling.grid_hw != grid_hw:
            raise MaskShapeMismatch(
                "The mask and the measurements are of two different pictures; measure this picture first."
            )
        taken = sampling.take(frame)
        inside = {region.id: share(taken == region.id) >= FILLED for region in regions}
        return cls(inside, ~spread_out(share(taken != 0) > 0), regions)

    def rows(
        self, usable: GridMask, compare: Callable[[int, str, GridMask], RegionRow]
    ) -> tuple[RegionRow, ...]:
        """One for each region, in their order.

        Args:
            usable: (h, w), blocks that carry a measurement.
            compare: makes the row from id, the region's name in a sentence, and its usable blocks.
        """
        rows = []
        for region in self.regions:
            place, code = place_words(region.id, self.regions), self._why_not(region.id, usable)
            if code:
                rows.append(unmeasured(region.id, place, code))
            else:
                rows.append(compare(region.id, place, self.inside[region.id] & usable))
        return tuple(rows)

    def _why_not(self, region_id: int, usable: GridMask) -> str:
        """Why a region cannot be compared, a key of REASONS; empty where it can."""
        inside = self.inside[region_id]
        if np.count_nonzero(self.outside) < MIN_OUTSIDE:
            return "too_little_outside"
        if np.count_nonzero(inside) < MIN_INSIDE:
            return "too_small"
        if np.count_nonzero(self.outside & usable) < MIN_OUTSIDE:
            return "flat_outside"
        return "flat_inside" if np.count_nonzero(inside & usable) < MIN_INSIDE else ""
