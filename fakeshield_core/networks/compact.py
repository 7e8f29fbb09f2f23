"""The compact forensic network: two stems, a body at native scale, CLS and SEG, a SAM two-way mask decoder.

Shape after IFDL-VLM's first stage (a class from a CLS token; the class logits query the patch tokens; what
they pool is the sparse prompt of a SAM mask decoder), scaled down to a CPU. Self-correlation for copy-move
runs on features of the whole picture, which may be larger than what the transformer sees at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fakeshield_core.networks.sam import sam_module
from fakeshield_core.networks.stem import DctStem, HistoryStem, PixelStem, once_compressed

STRIDE = 16  # inputs are multiples of this
FULL_TOKENS = 32 * 32  # up to here every place attends to every other one; the network was trained below it
CLASSES = ("authentic", "tampered")


@dataclass(frozen=True)
class CompactConfig:
    """Sizes of the network; saved beside the weights."""

    quarter: int = 56  # channels at 1/4
    dct: int = 48  # channels of the DCT stem at 1/8
    eighth: int = 128  # channels at 1/8
    width: int = 208  # channels at 1/16
    blocks: int = 5  # transformer blocks
    heads: int = 8
    key: int = 48  # channels of the self-correlation keys
    top: int = 8  # best matches kept for each place


class ConvBlock(nn.Module):
    """Depthwise 5x5, then a two-layer channel mix, with a residual (after ConvNeXt, Liu et al. 2022)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.grow = nn.Conv2d(width, 2 * width, 1)
        self.shrink = nn.Conv2d(2 * width, width, 1)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        return x + self.scale * self.shrink(functional.gelu(self.grow(self.norm(self.spatial(x)))))


class CoarseKeys:
    """What tokens of a large grid attend to: the first token, and means of 2 x 2 places, counted as so many.

    Attention to every place takes half as long again on .65 megapixels and finds no more in recompressed
    pictures (`docs/EXPERIMENTS.md`, 2026-11-28).
    """

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self._grid = height, width
        ones = torch.ones(1, height, width, device=device)
        counts = functional.avg_pool2d(ones, 2, ceil_mode=True, divisor_override=1).flatten()
        self.bias = functional.pad(counts.log(), (1, 0))  # (1 + n,), added to the attention logits

    def __call__(self, x: Tensor) -> Tensor:
        """(B, heads, 1 + h * w, d) keys or values -> (B, heads, 1 + n, d)."""
        places = x[:, :, 1:].transpose(2, 3).flatten(0, 1).unflatten(2, self._grid)
        means = functional.avg_pool2d(places, 2, ceil_mode=True, count_include_pad=False)
        return torch.cat([x[:, :, :1], means.flatten(2).transpose(1, 2).unflatten(0, x.shape[:2])], dim=2)


class TokenBlock(nn.Module):
    """Pre-norm attention and MLP over tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 3 * width)
        self.fc2 = nn.Linear(3 * width, width)

    def forward(self, x: Tensor, coarse: CoarseKeys | None = None) -> Tensor:
        """(B, N, C) -> the same shape.

        Args:
            coarse: how keys and values are joined where there are many; None: not.
        """
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = None
        if coarse is not None:
            k, v, bias = coarse(k), coarse(v), coarse.bias.to(q).expand(1, 1, 1, -1)
        read = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        x = x + self.proj(read.transpose(1, 2).flatten(2))
        return x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))


class SelfCorrelation(nn.Module):
    """How well each place repeats elsewhere: the best cosine similarities of learned keys, far from it."""

    def __init__(self, width: int, key: int, top: int) -> None:
        super().__init__()
        self.key = nn.Conv2d(width, key, 1)
        self.top = top
        self.read = nn.Conv2d(top, width, 1)

    def forward(self, features: Tensor, chunk: int = 2048) -> Tensor:
        """(B, C, h, w) features of the whole picture -> (B, C, h, w) to be added to them."""
        keys = functional.normalize(self.key(features).flatten(2), dim=1)  # (B, K, N)
        height, width = features.shape[2:]
        near = neighbours(height, width).to(features.device)
        count = min(self.top, height * width)
        best = [self._best(keys, near, start, chunk, count) for start in range(0, height * width, chunk)]
        similarity = torch.cat(best, dim=1).transpose(1, 2).unflatten(2, (height, width))
        if count < self.top:
            similarity = functional.pad(similarity, (0, 0, 0, 0, 0, self.top - count))
        return self.read(similarity)

    def _best(self, keys: Tensor, near: Tensor, start: int, chunk: int, count: int) -> Tensor:
        similarity = keys[:, :, start : start + chunk].transpose(1, 2) @ keys  # (B, chunk, N)
        itself = near[start : start + chunk].expand(keys.shape[0], -1, -1)
        return similarity.scatter_(2, itself, 0.0).topk(count, dim=2).values


def neighbours(height: int, width: int) -> Tensor:
    """(h * w, 9): for each place those nearer than two cells, itself among them; some twice at an edge."""
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    around = torch.tensor([-1, 0, 1])
    rows = (ys[..., None, None] + around[:, None]).clamp(0, height - 1)
    columns = (xs[..., None, None] + around).clamp(0, width - 1)
    return (rows * width + columns).flatten(2).flatten(0, 1)


class MaskDecoder(nn.Module):
    """A SAM two-way transformer reads prompts against patches; a hypernetwork makes a mask at 1/4."""

    def __init__(self, config: CompactConfig, upscaled: int = 32) -> None:
        super().__init__()
        transformer = sam_module("modeling.transformer").TwoWayTransformer
        embedding = sam_module("modeling.prompt_encoder").PositionEmbeddingRandom
        self.mask_token = nn.Parameter(torch.randn(1, 1, config.width) * 0.02)
        self.position = embedding(config.width // 2)
        self.transformer = transformer(
            depth=2, embedding_dim=config.width, num_heads=8, mlp_dim=2 * config.width
        )
        self.to_eighth = nn.Conv2d(config.width, 64, 1)
        self.skip_eighth = nn.Conv2d(config.eighth, 64, 1)
        self.blend_eighth = nn.Conv2d(64, 64, 3, padding=1)
        self.to_quarter = nn.Conv2d(64, upscaled, 1)
        self.skip_quarter = nn.Conv2d(config.quarter, upscaled, 1)
        self.blend_quarter = nn.Conv2d(upscaled, upscaled, 3, padding=1)
        self.hyper = nn.Sequential(
            nn.Linear(config.width, config.width), nn.GELU(), nn.Linear(config.width, upscaled)
        )
        self.bias = nn.Parameter(torch.tensor(-2.0))

    def forward(self, patches: Tensor, prompts: Tensor, eighth: Tensor, quarter: Tensor) -> Tensor:
        """(B, C, h, w) patch tokens, (B, n, C) sparse prompts and two skips -> (B, 4h, 4w) mask logits."""
        tokens = torch.cat([self.mask_token.expand(patches.shape[0], -1, -1), prompts], dim=1)
        place = self.position(patches.shape[2:]).unsqueeze(0).expand(patches.shape[0], -1, -1, -1)
        tokens, flat = self.transformer(patches, place, tokens)
        read = flat.transpose(1, 2).unflatten(2, patches.shape[2:])
        x = functional.interpolate(
            self.to_eighth(read), scale_factor=2.0, mode="bilinear"
        ) + self.skip_eighth(eighth)
        x = functional.gelu(self.blend_eighth(functional.gelu(x)))
        x = functional.interpolate(self.to_quarter(x), scale_factor=2.0, mode="bilinear") + self.skip_quarter(
            quarter
        )
        x = functional.gelu(self.blend_quarter(functional.gelu(x)))
        logits: Tensor = torch.einsum("bc,bchw->bhw", self.hyper(tokens[:, 0]), x) + self.bias
        return logits


@dataclass(frozen=True)
class Features:
    """What the convolutional part gives for one input."""

    quarter: Tensor  # (B, C4, H/4, W/4)
    eighth: Tensor  # (B, C8, H/8, W/8)
    sixteenth: Tensor  # (B, C, H/16, W/16)


@dataclass(frozen=True)
class Decision:
    """What the network says of one input."""

    classes: Tensor  # (B, 2) class logits
    mask_logits: Tensor  # (B, H/4, W/4)
    pooled: Tensor  # (B, 2C) CLS token and mean patch token: what the image-level score is read from


class CompactNetwork(nn.Module):
    """Picture and quantisation table in; class logits and mask logits out."""

    def __init__(self, config: CompactConfig = CompactConfig()) -> None:
        super().__init__()
        self.config = config
        self.pixels = PixelStem(config.quarter)
        self.blocks = nn.Sequential(ConvBlock(config.quarter), ConvBlock(config.quarter))
        self.dct = DctStem(config.dct)
        self.history = HistoryStem(config.dct)
        self.down = nn.Conv2d(config.quarter, config.eighth - config.dct, 2, stride=2)
        self.blocks2 = nn.Sequential(*[ConvBlock(config.eighth) for _ in range(3)])
        self.down2 = nn.Conv2d(config.eighth, config.width, 2, stride=2)
        self.norm = nn.GroupNorm(1, config.width)
        self.correlation = SelfCorrelation(config.width, config.key, config.top)
        self.cls = nn.Parameter(torch.randn(1, 1, config.width) * 0.02)
        self.around = nn.Conv2d(config.width, config.width, 3, padding=1, groups=config.width)
        self.body = nn.ModuleList([TokenBlock(config.width, config.heads) for _ in range(config.blocks)])
        self.out = nn.LayerNorm(config.width)
        self.classify = nn.Linear(config.width, len(CLASSES))
        self.score = nn.Linear(2 * config.width, 1)  # fitted last, on frozen tokens: `training/score_head.py`
        self.query = nn.Linear(len(CLASSES), config.width)
        self.pool = nn.MultiheadAttention(config.width, 4, batch_first=True)
        self.decoder = MaskDecoder(config)

    def forward(self, rgb: Tensor, table: Tensor, once: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Class and mask logits of inputs seen whole.

        Args:
            rgb: (B, 3, H, W) grey levels 0..255, H and W multiples of 16, top left on the JPEG grid.
            table: (B, 8, 8) luma quantisation steps of the file, ones where it is not a JPEG.
            once: (B, 1, H/8, W/8) of `once_compressed`, where it is known already.

        Returns:
            (B, 2) class logits; (B, H/4, W/4) mask logits.
        """
        features = self.features(rgb, table, once)
        decision = self.decide(features, self.correlation(features.sixteenth))
        return decision.classes, decision.mask_logits

    def features(self, rgb: Tensor, table: Tensor, once: Tensor | None = None) -> Features:
        """The convolutional part, which may be run tile by tile."""
        with torch.autocast(rgb.device.type, enabled=False):  # grey levels need more than half precision
            pixels, blocks = self.pixels(rgb), self.dct(rgb, table)
            once = once_compressed(rgb, table) if once is None else once
            blocks = blocks + self.history(once.to(blocks))
        quarter = self.blocks(pixels)
        eighth = self.blocks2(torch.cat([self.down(quarter), blocks], dim=1))
        return Features(quarter, eighth, self.norm(self.down2(eighth)))

    def decide(self, features: Features, correlation: Tensor) -> Decision:
        """The rest, given the self-correlation cut out of the whole picture's."""
        x = features.sixteenth + correlation
        x = x + self.around(x)
        tokens = torch.cat([self.cls.expand(x.shape[0], -1, -1), x.flatten(2).transpose(1, 2)], dim=1)
        many = x.shape[2] * x.shape[3] > FULL_TOKENS
        coarse = CoarseKeys(x.shape[2], x.shape[3], x.device) if many else None
        for block in self.body:
            tokens = block(tokens, coarse)
        tokens = self.out(tokens)
        classes = self.classify(tokens[:, 0])
        patches = tokens[:, 1:]
        prompt, _ = self.pool(self.query(classes).unsqueeze(1), patches, patches, need_weights=False)
        grid = patches.transpose(1, 2).unflatten(2, x.shape[2:])
        return Decision(
            classes=classes,
            mask_logits=self.decoder(grid, prompt, features.eighth, features.quarter),
            pooled=torch.cat([tokens[:, 0], patches.mean(dim=1)], dim=1),
        )
