"""Clicks to a region with our own click network: a picture once at long side 512, then some 20 ms a click."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from fakeshield_core.checkpoints.clicks import ClickCheckpoint, read_clicks
from fakeshield_core.checkpoints.compact import SHIPPED
from fakeshield_core.domain import Candidates, Embedding, Logits, Prompts
from fakeshield_core.errors import InputError
from fakeshield_core.networks.clicks import NONE, PLANE_STRIDE, STRIDE, Points, drawn
from fakeshield_core.picture import Picture
from fakeshield_core.segmenters import check_belongs

LONG_SIDE = 512
GRID, SKIP = "grid", "skip"
KINDS = {False: 0, True: 1}  # of a click, as in `networks.clicks.POINT_KINDS`


class CompactSegmenter:
    """The click network behind the `Segmenter` seam; immutable, the caller keeps the embedding."""

    def __init__(self, checkpoint: ClickCheckpoint) -> None:
        self.network = checkpoint.network
        self.name = f"compact-clicks {checkpoint.digest}"

    @torch.inference_mode()
    def embed(self, picture: Picture) -> Embedding:
        """The picture, whole, at long side 512, through the encoder: at most 1.5 MB."""
        height, width = picture.rgb.shape[:2]
        inner = inner_hw(height, width)
        resized = Image.fromarray(picture.rgb).resize(inner[::-1], Image.Resampling.BILINEAR)
        padded = np.pad(np.asarray(resized), (*_padding(inner), (0, 0)), mode="edge")
        rgb = torch.from_numpy(padded).permute(2, 0, 1)[None].float()
        grid, skip = self.network.encoder(rgb.contiguous(memory_format=torch.channels_last))
        arrays = {GRID: _kept(grid), SKIP: _kept(skip)}
        return Embedding(picture.facts.sha256, self.name, height, width, arrays)

    @torch.inference_mode()
    def segment(self, embedding: Embedding, prompts: Prompts, prior: Logits | None = None) -> Candidates:
        """One candidate.

        Args:
            embedding: of this segmenter.
            prompts: pixels of the upright picture; clicks outside of it count at its border.
            prior: logits of the mask so far over the whole picture, any resolution; where nothing in it is
                above 0 it counts as no prior.

        Raises:
            InputError: another segmenter made the embedding, or there is neither click nor box.
        """
        check_belongs(embedding, self.name)
        if not prompts.clicks and prompts.box_xyxy is None:
            raise InputError("Nothing was pointed at; click on the picture or draw a box.")
        grid, skip = (torch.from_numpy(embedding.arrays[name].astype(np.float32)) for name in (GRID, SKIP))
        size_hw = embedding.height, embedding.width
        inner = inner_hw(*size_hw)
        plane = int(skip.shape[2]), int(skip.shape[3])
        points = _points(prompts, size_hw, inner)
        planes = drawn(points, _prior_plane(prior, inner, plane), plane)
        logits, quality = self.network.decoder(grid, skip, points, planes)
        return Candidates(
            masks=(_at_picture_size(logits, inner, size_hw),),
            scores=(float(quality[0]),),
            logits=(_cells_inside(logits, inner)[0].numpy().copy(),),
        )


def load_compact_segmenter(folder: Path = SHIPPED) -> CompactSegmenter:
    """The shipped click network.

    Raises:
        EngineUnavailable: its weights are missing or damaged.
    """
    return CompactSegmenter(read_clicks(folder))


def inner_hw(height: int, width: int) -> tuple[int, int]:
    """Size of the picture inside the network's input, before padding."""
    scale = LONG_SIDE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _padding(inner: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (0, -inner[0] % STRIDE), (0, -inner[1] % STRIDE)


def _kept(map_: Tensor) -> npt.NDArray[np.float16]:
    return np.asarray(map_.to(torch.float16).numpy())


def _points(prompts: Prompts, size_hw: tuple[int, int], inner: tuple[int, int]) -> Points:
    rows = [(click.x + 0.5, click.y + 0.5, KINDS[click.positive]) for click in prompts.clicks]
    if prompts.box_xyxy is not None:
        x0, y0, x1, y1 = prompts.box_xyxy
        rows += [(float(x0), float(y0), 2), (float(x1), float(y1), 3)]
    table = torch.tensor(rows or [(0.0, 0.0, NONE)], dtype=torch.float32)
    limit = torch.tensor([size_hw[1], size_hw[0]], dtype=torch.float32)
    scale = torch.tensor([inner[1], inner[0]], dtype=torch.float32) / limit
    xy = torch.minimum(table[:, :2].clamp(min=0), limit) * scale
    return Points(xy[None], table[None, :, 2].long())


def _prior_plane(prior: Logits | None, inner: tuple[int, int], plane: tuple[int, int]) -> Tensor | None:
    """(1, h, w) the prior on the cells of the padded input; None where it marks nothing."""
    if prior is None or not (prior > 0).any():
        return None
    cells = max(1, round(inner[0] / PLANE_STRIDE)), max(1, round(inner[1] / PLANE_STRIDE))
    given = torch.from_numpy(np.asarray(prior, np.float32))[None, None]
    sized = functional.interpolate(given, size=cells, mode="bilinear", antialias=True)[0]
    missing = (0, max(0, plane[1] - cells[1]), 0, max(0, plane[0] - cells[0]))
    return functional.pad(sized, missing, value=float(prior.min()))[:, : plane[0], : plane[1]]


def _cells_inside(logits: Tensor, inner: tuple[int, int]) -> Tensor:
    rows, columns = (-(-side // PLANE_STRIDE) for side in inner)
    return logits[:, :rows, :columns]


def _at_picture_size(
    logits: Tensor, inner: tuple[int, int], size_hw: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Upscaled to the input, cut to the picture inside it, and from there to the picture."""
    at_input = functional.interpolate(logits[None], scale_factor=PLANE_STRIDE, mode="bilinear")
    inside = torch.sigmoid(at_input[0, 0, : inner[0], : inner[1]]).mul(255).round().to(torch.uint8)
    resized = Image.fromarray(inside.numpy()).resize(size_hw[::-1], Image.Resampling.BILINEAR)
    return np.asarray(np.asarray(resized) > 127)
