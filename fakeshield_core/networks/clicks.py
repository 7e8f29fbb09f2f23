"""The click network: a picture once, then clicks, a box and a prior mask against its embedding.

An encoder of its own, apart from the forensic body: adapters never touch it, so that a swap of adapters
leaves every embedding valid. The decoder reads prompts twice: as SAM's sparse tokens in a two-way
transformer, and as discs drawn on the plane (after RITM, Sofiiuk et al. 2021): exactly where a click was.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fakeshield_core.networks.compact import ConvBlock, TokenBlock
from fakeshield_core.networks.sam import sam_module

STRIDE = 16  # inputs are multiples of this
PLANE_STRIDE = 4  # masks, priors and drawn prompts are at 1/4
POINT_KINDS = ("negative", "positive", "box corner", "opposite box corner", "none")
NONE = len(POINT_KINDS) - 1  # fills the rows of pictures with fewer points


@dataclass(frozen=True)
class ClickConfig:
    """Sizes of the network; saved beside the weights."""

    quarter: int = 48  # channels at 1/4
    eighth: int = 96  # channels at 1/8
    width: int = 192  # channels at 1/16
    blocks: int = 2  # transformer blocks of the encoder
    heads: int = 6
    skip: int = 32  # channels of the 1/4 map that is kept


@dataclass(frozen=True)
class Points:
    """Sparse prompts of a batch, padded with points of kind `NONE`."""

    xy: Tensor  # (B, N, 2) input pixels
    kind: Tensor  # (B, N) index into POINT_KINDS


class ClickEncoder(nn.Module):
    """A picture -> the two maps that are kept of it."""

    def __init__(self, config: ClickConfig) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2, padding=1), nn.GELU(), nn.Conv2d(24, config.quarter, 3, 2, 1)
        )
        self.quarter = nn.Sequential(ConvBlock(config.quarter), ConvBlock(config.quarter))
        self.down = nn.Conv2d(config.quarter, config.eighth, 2, stride=2)
        self.eighth = nn.Sequential(ConvBlock(config.eighth), ConvBlock(config.eighth))
        self.down2 = nn.Conv2d(config.eighth, config.width, 2, stride=2)
        self.sixteenth = nn.Sequential(*[ConvBlock(config.width) for _ in range(3)])
        self.body = nn.ModuleList([TokenBlock(config.width, config.heads) for _ in range(config.blocks)])
        self.out = nn.LayerNorm(config.width)
        self.keep_quarter = nn.Conv2d(config.quarter, config.skip, 1)
        self.keep_eighth = nn.Conv2d(config.eighth, config.skip, 1)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) grey levels 0..255 -> (B, width, H/16, W/16) and (B, skip, H/4, W/4)."""
        quarter = self.quarter(self.stem((rgb - 118.0) / 64.0))
        eighth = self.eighth(self.down(quarter))
        x = self.sixteenth(self.down2(eighth))
        tokens = x.flatten(2).transpose(1, 2)
        for block in self.body:
            tokens = block(tokens)
        grid = self.out(tokens).transpose(1, 2).unflatten(2, x.shape[2:])
        wide = functional.interpolate(self.keep_eighth(eighth), scale_factor=2.0, mode="bilinear")
        return grid, self.keep_quarter(quarter) + wide


class ClickDecoder(nn.Module):
    """Embedding and prompts -> mask logits at 1/4 and the IoU they are expected to reach."""

    PLANES = 7  # discs and glows of positive and negative clicks, box, prior, whether there is a prior
    DISC = 2.0  # radius of a drawn click, cells of 4 px
    GLOW = 10.0  # width of its soft surroundings, cells

    def __init__(self, config: ClickConfig) -> None:
        super().__init__()
        transformer = sam_module("modeling.transformer").TwoWayTransformer
        embedding = sam_module("modeling.prompt_encoder").PositionEmbeddingRandom
        self.mask_token = nn.Parameter(torch.randn(1, 2, config.width) * 0.02)  # mask, then quality
        self.kinds = nn.Embedding(len(POINT_KINDS), config.width)
        self.position = embedding(config.width // 2)
        self.transformer = transformer(depth=2, embedding_dim=config.width, num_heads=6, mlp_dim=384)
        self.read_planes = nn.Sequential(
            nn.Conv2d(self.PLANES, config.skip, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(config.skip, config.skip, 3, padding=1),
        )
        self.down = nn.Sequential(
            nn.Conv2d(config.skip, 64, 2, stride=2), nn.GELU(), nn.Conv2d(64, config.width, 2, stride=2)
        )
        self.up = nn.Conv2d(config.width, config.skip, 1)
        self.blend = nn.ModuleList([nn.Conv2d(config.skip, config.skip, 3, padding=1) for _ in range(3)])
        self.hyper = nn.Sequential(
            nn.Linear(config.width, config.width), nn.GELU(), nn.Linear(config.width, config.skip)
        )
        self.quality = nn.Linear(config.width, 1)
        self.bias = nn.Parameter(torch.tensor(-1.0))

    def forward(self, grid: Tensor, skip: Tensor, points: Points, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Mask logits and expected IoU.

        Args:
            grid: (B, width, H/16, W/16) and
            skip: (B, skip, H/4, W/4) of the encoder.
            points: sparse prompts.
            planes: (B, 7, H/4, W/4) of `drawn`.

        Returns:
            (B, H/4, W/4) logits; (B,) expected IoU, 0..1.
        """
        drawn_features = self.read_planes(planes)
        tokens = torch.cat([self.mask_token.expand(grid.shape[0], -1, -1), self._sparse(points, grid)], dim=1)
        place = self.position(grid.shape[2:]).unsqueeze(0).expand(grid.shape[0], -1, -1, -1)
        tokens, flat = self.transformer(grid + self.down(drawn_features), place, tokens)
        read = flat.transpose(1, 2).unflatten(2, grid.shape[2:])
        x = functional.interpolate(self.up(read), scale_factor=4.0, mode="bilinear") + skip + drawn_features
        x = functional.gelu(x)
        for layer in self.blend:
            x = x + functional.gelu(layer(x))
        logits: Tensor = torch.einsum("bc,bchw->bhw", self.hyper(tokens[:, 0]), x) + self.bias
        return logits, torch.sigmoid(self.quality(tokens[:, 1])).squeeze(1)

    def _sparse(self, points: Points, grid: Tensor) -> Tensor:
        size = grid.shape[2] * STRIDE, grid.shape[3] * STRIDE
        there = (points.kind != NONE).unsqueeze(2)
        placed = self.position.forward_with_coords(points.xy + 0.5, size)
        return torch.where(there, placed, torch.zeros_like(placed)) + self.kinds(points.kind)


class ClickNetwork(nn.Module):
    """Encoder and decoder together."""

    def __init__(self, config: ClickConfig = ClickConfig()) -> None:
        super().__init__()
        self.config = config
        self.encoder = ClickEncoder(config)
        self.decoder = ClickDecoder(config)


def drawn(points: Points, prior: Tensor | None, plane_hw: tuple[int, int]) -> Tensor:
    """Prompts as planes at 1/4.

    Args:
        points: sparse prompts of B pictures.
        prior: (B, H/4, W/4) logits of the mask so far, None without one.
        plane_hw: H/4, W/4.

    Returns:
        (B, 7, H/4, W/4): disc and glow of positive clicks, of negative ones, box, prior 0..1, prior given.
    """
    height, width = plane_hw
    ys = torch.arange(height, dtype=torch.float32, device=points.xy.device).view(1, 1, height, 1)
    xs = torch.arange(width, dtype=torch.float32, device=points.xy.device).view(1, 1, 1, width)
    x, y = (points.xy[..., k, None, None] / PLANE_STRIDE for k in (0, 1))
    squared = (xs - x) ** 2 + (ys - y) ** 2  # (B, N, h, w)
    planes = []
    for kind in (1, 0):
        chosen = (points.kind == kind)[..., None, None]
        disc = ((squared <= ClickDecoder.DISC**2) & chosen).any(dim=1)
        glow = torch.where(chosen, torch.exp(-squared / ClickDecoder.GLOW**2), 0.0).amax(dim=1)
        planes += [disc.float(), glow]
    planes.append(_box_plane(points, xs, ys))
    given = torch.zeros_like(planes[0]) if prior is None else torch.ones_like(planes[0])
    return torch.stack([*planes, given if prior is None else torch.sigmoid(prior), given], dim=1)


def _box_plane(points: Points, xs: Tensor, ys: Tensor) -> Tensor:
    first, last = ((points.kind == kind) for kind in (2, 3))
    has_box = first.any(dim=1) & last.any(dim=1)
    low = (points.xy * first.unsqueeze(2)).sum(dim=1) / PLANE_STRIDE  # (B, 2)
    high = (points.xy * last.unsqueeze(2)).sum(dim=1) / PLANE_STRIDE
    across = (xs[:, 0] >= low[:, 0, None, None]) & (xs[:, 0] < high[:, 0, None, None])
    down = (ys[:, 0] >= low[:, 1, None, None]) & (ys[:, 0] < high[:, 1, None, None])
    return (across & down & has_box[:, None, None]).float()
