"""What the compact network sees first: high-pass residuals, 8x8 block DCT, traces of an earlier compression.

All keep the picture's native scale and the phase of the 8x8 JPEG grid: inputs start at a grid corner.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fakeshield_core.double_compression import double_quantised
from fakeshield_core.jpeg import STANDARD_LUMA, standard_table, zigzag

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as JPEG
RGB_SCALE, SRM_SCALE, BAYAR_SCALE = 1 / 64, 1 / 3, 1 / 8  # grey levels to what the network reads
LOW_FREQUENCIES = 20  # AC coefficients in zigzag order that get a histogram view
BINS = 8  # |quantised coefficient| 0..6 and "7 or more"


_SRM = (  # the three kernels of Zhou et al. 2018 (RGB-N, section 3.2), from Fridrich & Kodovsky 2012
    ([[0, 0, 0, 0, 0], [0, -1, 2, -1, 0], [0, 2, -4, 2, 0], [0, -1, 2, -1, 0], [0, 0, 0, 0, 0]], 4),
    ([[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]], 12),
    ([[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, -2, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]], 2),
)


def dct_kernels() -> Tensor:
    """(64, 1, 8, 8) float32: orthonormal 2-D DCT-II basis, row frequency major."""
    n = np.arange(8)
    basis = (
        np.cos((2 * n[None, :] + 1) * n[:, None] * math.pi / 16)
        * np.where(n[:, None] == 0, 0.5, math.sqrt(0.5))
        / math.sqrt(2)
    )
    kernels = np.einsum("ui,vj->uvij", basis, basis).reshape(64, 1, 8, 8)
    return torch.from_numpy(kernels.astype(np.float32))


class BayarKernels(nn.Module):
    """Constrained filters: centre -1, the rest sums to 1 (Bayar & Stamm 2018, equation 3)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.free = nn.Parameter(torch.rand(filters, 3, 24) * 0.2 + 0.02)

    def forward(self) -> Tensor:
        """(filters, 3, 5, 5) kernels over RGB; what they give is a prediction error in grey levels."""
        rest = self.free / self.free.sum(dim=2, keepdim=True)
        centre = rest.new_full((*rest.shape[:2], 1), -1.0)
        return torch.cat([rest[:, :, :12], centre, rest[:, :, 12:]], dim=2).unflatten(2, (5, 5)) / 3


class PixelStem(nn.Module):
    """RGB, SRM and Bayar residuals, folded to half scale and read by two convolutions; out at 1/4.

    The three are one convolution of stride 2, whose 4 kernels of each plane are its pixels of a 2 x 2 square.
    """

    LIMIT = 4.0  # of what is read: 12 grey levels of an SRM residual, 32 of a Bayar one; beyond are edges
    planes: Tensor

    def __init__(self, width: int, bayar: int = 4) -> None:
        super().__init__()
        grey = torch.zeros(1, 5, 5)
        grey[0, 2, 2] = RGB_SCALE
        srm = torch.tensor([kernel for kernel, _ in _SRM]) / torch.tensor([d for _, d in _SRM]).view(3, 1, 1)
        each = torch.block_diag(*[grey.flatten(1)] * 3), torch.block_diag(*[srm.flatten(1) * SRM_SCALE] * 3)
        self.register_buffer("planes", torch.cat(each).unflatten(1, (3, 5, 5)), persistent=False)
        self.bayar = BayarKernels(bayar)
        self.fold = nn.Conv2d((3 + 9 + bayar) * 4, 40, 3, padding=1)
        self.shrink = nn.Conv2d(40, width, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(1, width)

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) grey levels 0..255 -> (B, width, H/4, W/4)."""
        kernels = torch.cat([self.planes, self.bayar() * BAYAR_SCALE])
        four = [functional.pad(kernels, (x, 1 - x, y, 1 - y)) for y in (0, 1) for x in (0, 1)]
        middle = functional.pad(rgb.new_full((3 * 4,), -128 * RGB_SCALE), (0, 4 * len(kernels) - 3 * 4))
        padded = functional.pad(rgb, (2, 2, 2, 2), mode="replicate")
        folded = functional.conv2d(padded, torch.stack(four, dim=1).flatten(0, 1), middle, stride=2)
        limited = functional.hardtanh(folded, -self.LIMIT, self.LIMIT, inplace=not torch.is_grad_enabled())
        return self.norm(self.shrink(functional.gelu(self.fold(limited))))


class DctStem(nn.Module):
    """Views of the block DCT: magnitude, histogram of the file's quantised values, distance to a q90 grid."""

    basis: Tensor
    q90: Tensor
    low: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("basis", dct_kernels(), persistent=False)
        q90 = torch.from_numpy(standard_table(STANDARD_LUMA, 90).astype(np.float32)).reshape(1, 64, 1, 1)
        self.register_buffer("q90", q90, persistent=False)
        self.register_buffer("low", torch.tensor(zigzag()[1 : 1 + LOW_FREQUENCIES]), persistent=False)
        self.project = nn.Conv2d(64 + 64 + LOW_FREQUENCIES * BINS, width, 1)
        self.table = nn.Linear(64, width)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.GroupNorm(1, width)

    def forward(self, rgb: Tensor, table: Tensor) -> Tensor:
        """(B, 3, H, W) grey levels and (B, 8, 8) luma steps (ones: not a JPEG) -> (B, width, H/8, W/8)."""
        luma = (rgb * rgb.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True) - 128
        with torch.no_grad():
            coefficients = _block_dct(luma, self.basis)
            steps = table.reshape(-1, 64, 1, 1)
            bins = (coefficients / steps)[:, self.low].round().abs().clamp(max=BINS - 1)
            histogram = torch.cat([(bins == k).float() for k in range(BINS)], dim=1)
            error = (coefficients / self.q90 - (coefficients / self.q90).round()).abs() * 2
            views = torch.cat([torch.log1p(coefficients.abs()) / 4, error, histogram], dim=1)
        mixed = self.project(views) + self.table(torch.log(table.reshape(-1, 64)) / 4)[:, :, None, None]
        return self.norm(self.mix(functional.gelu(mixed)))


def _block_dct(luma: Tensor, basis: Tensor) -> Tensor:
    """(B, 1, H, W) -> (B, 64, H/8, W/8); in float64 on a GPU, whose short products would move the bins."""
    if luma.is_cuda:
        return functional.conv2d(luma.double(), basis.double(), stride=8).float()
    return functional.conv2d(luma, basis, stride=8)


def once_compressed(rgb: Tensor, table: Tensor) -> Tensor:
    """Logarithm of once against twice compressed of each block, reckoned on the CPU.

    Where the file is no JPEG, the table of ones finds what an earlier JPEG left in the pixels.

    Args:
        rgb: (B, 3, H, W) grey levels 0..255, any dtype and device.
        table: (B, 8, 8) luma steps, ones where it is not a JPEG.

    Returns:
        (B, 1, H/8, W/8) float32 on the CPU.
    """
    luma = torch.einsum("bchw,c->bhw", rgb.detach().cpu().float(), torch.tensor(LUMA)).numpy()
    steps = table.round().int().cpu().numpy()
    once = [double_quantised(*of).likelihood for of in zip(luma, steps, strict=True)]
    return torch.from_numpy(np.stack(once).astype(np.float32))[:, None]


class HistoryStem(nn.Module):
    """Which blocks lack the gaps of an earlier compression, as two planes read by one convolution."""

    LIKELY = 4.0  # logarithm of a likelihood that is taken for sure
    AROUND = 7  # side of the squares of blocks that the second plane averages

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = nn.Conv2d(2, width, 5, padding=2)

    def forward(self, likelihood: Tensor) -> Tensor:
        """(B, 1, H/8, W/8) of `once_compressed` -> (B, width, H/8, W/8)."""
        with torch.no_grad():
            around = functional.avg_pool2d(
                likelihood, self.AROUND, 1, self.AROUND // 2, count_include_pad=False
            )
            planes = torch.cat([torch.tanh(likelihood / self.LIKELY), torch.tanh(around)], dim=1)
        answer: Tensor = self.read(planes)
        return answer
