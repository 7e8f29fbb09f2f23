"""Training of the click network: simulated rounds of clicks, then one step on the last round's mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fakeshield_core.clicks import PRIOR_LOGIT, next_click
from fakeshield_core.domain import BoolMask, Click
from fakeshield_core.networks.clicks import NONE, PLANE_STRIDE, ClickNetwork, Points, drawn
from fakeshield_core.training.click_samples import ClickSample, ClickSampler
from fakeshield_core.training.config import TrainConfig

MOST_ROUNDS = 4  # of clicks before the one that is learnt from
BOX_SHARE = 0.12  # of samples without a start begin with a box
QUALITY_WEIGHT = 0.2
EDGE_WEIGHT = 2.0  # extra weight of cells that the border crosses


class ClickTask:
    """What `Trainer` asks for: the network, and the losses of one step."""

    def __init__(self, sampler: ClickSampler) -> None:
        self.sampler = sampler

    def network(self) -> nn.Module:
        """The network with random weights."""
        return ClickNetwork()

    def losses(self, network: nn.Module, config: TrainConfig, step: int, rank: int) -> Mapping[str, Tensor]:
        """`total` and its parts: a function of the weights, the seed, the step and the rank alone."""
        if not isinstance(network, ClickNetwork):
            raise TypeError(f"{type(network).__name__} is no click network")
        stage = config.stage(step)
        rng = np.random.default_rng([config.seed, step, rank, 1])
        samples = [self.sampler.draw(rng, stage.height, stage.width) for _ in range(stage.batch)]
        rounds = Rounds(samples, rng)
        rgb = (
            torch.from_numpy(np.stack([s.rgb for s in samples])).permute(0, 3, 1, 2).float().to(config.device)
        )
        grid, skip = network.encoder(rgb.contiguous(memory_format=torch.channels_last))
        with torch.no_grad():
            for _ in range(int(rng.integers(MOST_ROUNDS))):
                points, planes = rounds.prompts(config.device)
                rounds.advance(network.decoder(grid, skip, points, planes)[0])
        points, planes = rounds.prompts(config.device)
        logits, quality = network.decoder(grid, skip, points, planes)
        return losses(logits, quality, rounds.truth.to(config.device))


class Rounds:
    """The state of simulated corrections, in cells of 4 px: what is wanted, there, and clicked."""

    def __init__(self, samples: Sequence[ClickSample], rng: np.random.Generator) -> None:
        self.rng = rng
        self.truth = pooled([s.truth for s in samples])
        self.wanted = [np.asarray(t > 0.5) for t in self.truth.numpy()]
        starts = pooled([s.truth if s.start is None else s.start for s in samples])
        self.has_prior = torch.tensor([s.start is not None for s in samples])
        self.prior = (starts * 2 - 1) * PRIOR_LOGIT
        self.points: list[list[tuple[float, float, int]]] = [[] for _ in samples]
        for k, sample in enumerate(samples):
            if sample.start is None and rng.random() < BOX_SHARE and self.wanted[k].any():
                self.points[k] += _box(self.wanted[k], rng)
            else:
                self._click(k, self._mask(k))

    def prompts(self, device: str = "cpu") -> tuple[Points, Tensor]:
        """Everything pointed at so far, sparse and drawn, on that device; the rounds stay on the CPU."""
        most = max(1, *(len(p) for p in self.points))
        rows = [[*p, *[(0.0, 0.0, NONE)] * (most - len(p))] for p in self.points]
        table = torch.tensor(rows, dtype=torch.float32)
        points = Points(table[..., :2], table[..., 2].long())
        planes = drawn(points, self.prior, (self.truth.shape[1], self.truth.shape[2]))
        planes[~self.has_prior, -2:] = 0.0
        return Points(points.xy.to(device), points.kind.to(device)), planes.to(device)

    def advance(self, logits: Tensor) -> None:
        """Takes the answer as the mask so far and clicks where it is most wrong."""
        self.prior = torch.where(logits.detach().cpu() > 0, PRIOR_LOGIT, -PRIOR_LOGIT)
        self.has_prior = self.prior.amax((1, 2)) > 0
        for k in range(len(self.points)):
            self._click(k, self._mask(k))

    def _mask(self, k: int) -> BoolMask:
        if not self.has_prior[k]:
            return np.zeros_like(self.wanted[k])
        return np.asarray(self.prior[k].numpy() > 0)

    def _click(self, k: int, mask: BoolMask) -> None:
        click: Click | None = next_click(mask, self.wanted[k], self.rng)
        if click is None:
            return
        x, y = ((c + float(self.rng.random())) * PLANE_STRIDE for c in (click.x, click.y))
        self.points[k].append((x, y, int(click.positive)))


def pooled(masks: Sequence[BoolMask]) -> Tensor:
    """(B, H/4, W/4) share of each cell that is inside."""
    return functional.avg_pool2d(torch.from_numpy(np.stack(masks)).float()[:, None], PLANE_STRIDE)[:, 0]


def _box(mask: BoolMask, rng: np.random.Generator) -> list[tuple[float, float, int]]:
    """The corners of a box round the mask, a little off."""
    ys, xs = np.nonzero(mask)
    reach = 0.1 * max(float(np.ptp(ys)), float(np.ptp(xs)), 1.0)
    x0, y0, x1, y1 = (
        (float(c) + rng.uniform(-reach, reach)) * PLANE_STRIDE
        for c in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    )
    return [(max(0.0, x0), max(0.0, y0), 2), (x1, y1, 3)]


def losses(logits: Tensor, quality: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """BCE with more weight along the border, Dice, and the error of the expected IoU.

    Args:
        logits: (B, h, w).
        quality: (B,) expected IoU, 0..1.
        truth: (B, h, w) share of each cell inside.
    """
    weight = 1 + EDGE_WEIGHT * ((truth > 0) & (truth < 1)).float()
    each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    share = truth.mean((1, 2), keepdim=True).clamp(0.02, 0.5)
    weight = weight * (1 + truth * (0.5 / share - 1))  # small regions count like large ones
    pixel = (each * weight).sum() / weight.sum()
    probability = torch.sigmoid(logits)
    overlap, total = (probability * truth).sum((1, 2)), (probability + truth).sum((1, 2))
    dice = (1 - (2 * overlap + 1) / (total + 1)).mean()
    with torch.no_grad():
        found, there = logits > 0, truth > 0.5
        iou = (found & there).sum((1, 2)) / (found | there).sum((1, 2)).clamp(min=1)
    rating = functional.mse_loss(quality, iou)
    return {
        "total": pixel + dice + QUALITY_WEIGHT * rating,
        "pixel": pixel,
        "dice": dice,
        "rating": rating,
        "iou": iou.mean(),
    }
