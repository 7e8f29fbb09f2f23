"""The whole Segment Anything network in any size, prompted by embeddings instead of clicks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from fakeshield_core.networks.sam import sam_module


@dataclass(frozen=True, slots=True)
class SamSizes:
    """Constructor sizes; the defaults are ViT-H."""

    image_size: int = 1024
    vit_patch_size: int = 16
    encoder_embed_dim: int = 1280
    encoder_depth: int = 32
    encoder_num_heads: int = 16
    encoder_global_attn_indexes: tuple[int, ...] = (7, 15, 23, 31)
    encoder_mlp_dim: int = 5120
    window_size: int = 14
    prompt_embed_dim: int = 256
    mask_in_chans: int = 16
    decoder_depth: int = 2
    decoder_mlp_dim: int = 2048
    decoder_num_heads: int = 8  # the one size no weight shows
    num_multimask_outputs: int = 3
    iou_head_depth: int = 3
    iou_head_hidden_dim: int = 256


def sizes_from_shapes(shapes: Mapping[str, tuple[int, ...]], decoder_num_heads: int = 8) -> SamSizes:
    """The sizes of a checkpoint, from the shapes of its tensors.

    Args:
        shapes: SAM's own names (`image_encoder.pos_embed`, ...) -> shape.
        decoder_num_heads: cannot be seen in the weights; 8 in every published SAM.

    Raises:
        KeyError: a tensor that decides a size is missing.
    """
    encoder, decoder = "image_encoder", "mask_decoder"
    width = shapes[f"{encoder}.patch_embed.proj.weight"][0]
    patch = shapes[f"{encoder}.patch_embed.proj.weight"][2]
    grid = shapes[f"{encoder}.pos_embed"][1]
    depth = _count(shapes, f"{encoder}.blocks.")
    spans = [(shapes[f"{encoder}.blocks.{n}.attn.rel_pos_h"][0] + 1) // 2 for n in range(depth)]
    return SamSizes(
        image_size=grid * patch,
        vit_patch_size=patch,
        encoder_embed_dim=width,
        encoder_depth=depth,
        encoder_num_heads=width // shapes[f"{encoder}.blocks.0.attn.rel_pos_h"][1],
        encoder_global_attn_indexes=tuple(n for n, span in enumerate(spans) if span == grid),
        encoder_mlp_dim=shapes[f"{encoder}.blocks.0.mlp.lin1.weight"][0],
        window_size=min(spans),
        prompt_embed_dim=shapes["prompt_encoder.no_mask_embed.weight"][1],
        mask_in_chans=shapes["prompt_encoder.mask_downscaling.3.weight"][0],
        decoder_depth=_count(shapes, f"{decoder}.transformer.layers."),
        decoder_mlp_dim=shapes[f"{decoder}.transformer.layers.0.mlp.lin1.weight"][0],
        decoder_num_heads=decoder_num_heads,
        num_multimask_outputs=shapes[f"{decoder}.mask_tokens.weight"][0] - 1,
        iou_head_depth=_count(shapes, f"{decoder}.iou_prediction_head.layers."),
        iou_head_hidden_dim=shapes[f"{decoder}.iou_prediction_head.layers.0.weight"][0],
    )


class SamNetwork(nn.Module):
    """Image encoder, prompt encoder and mask decoder under segment-anything's own names."""

    def __init__(self, sizes: SamSizes) -> None:
        super().__init__()
        self.sizes = sizes
        modeling = sam_module("modeling")
        grid = sizes.image_size // sizes.vit_patch_size
        self.image_encoder = modeling.ImageEncoderViT(
            img_size=sizes.image_size,
            patch_size=sizes.vit_patch_size,
            embed_dim=sizes.encoder_embed_dim,
            depth=sizes.encoder_depth,
            num_heads=sizes.encoder_num_heads,
            mlp_ratio=sizes.encoder_mlp_dim / sizes.encoder_embed_dim,
            out_chans=sizes.prompt_embed_dim,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=sizes.window_size,
            global_attn_indexes=sizes.encoder_global_attn_indexes,
        )
        self.prompt_encoder = modeling.PromptEncoder(
            embed_dim=sizes.prompt_embed_dim,
            image_embedding_size=(grid, grid),
            input_image_size=(sizes.image_size, sizes.image_size),
            mask_in_chans=sizes.mask_in_chans,
        )
        self.mask_decoder = modeling.MaskDecoder(
            transformer_dim=sizes.prompt_embed_dim,
            transformer=modeling.TwoWayTransformer(
                depth=sizes.decoder_depth,
                embedding_dim=sizes.prompt_embed_dim,
                mlp_dim=sizes.decoder_mlp_dim,
                num_heads=sizes.decoder_num_heads,
            ),
            num_multimask_outputs=sizes.num_multimask_outputs,
            iou_head_depth=sizes.iou_head_depth,
            iou_head_hidden_dim=sizes.iou_head_hidden_dim,
        )

    @property
    def kind(self) -> torch.dtype:
        """The type of the weights."""
        return self.prompt_encoder.no_mask_embed.weight.dtype

    @torch.no_grad()
    def embed(self, planes: Tensor) -> Tensor:
        """(B, C, 64, 64) from normalised planes (B, 3, 1024, 1024)."""
        return self.image_encoder(planes.to(self.prompt_encoder.no_mask_embed.weight.device, self.kind))

    def low_resolution(self, embedding: Tensor, prompts: Tensor) -> Tensor:
        """Mask logits (n, 1, 256, 256), the first mask token for each prompt.

        Args:
            embedding: (1, C, 64, 64) of one picture.
            prompts: (n, C), one embedding for each mask; they stand alone, without points or boxes.
        """
        grid = embedding.shape[-2:]
        empty = self.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        logits, _ = self.mask_decoder(
            image_embeddings=embedding,
            image_pe=self._positions(int(grid[0]), int(grid[1]))[None],
            sparse_prompt_embeddings=prompts[:, None].to(self.kind),
            dense_prompt_embeddings=empty.expand(len(prompts), -1, *grid),
            multimask_output=False,
        )
        return logits

    def full_size(self, logits: Tensor, resized_hw: tuple[int, int], hw: tuple[int, int]) -> Tensor:
        """Float32 logits (n, H, W) of the picture: up to 1024, padding cut off, to the picture's size."""
        side = (self.sizes.image_size, self.sizes.image_size)
        large = functional.interpolate(logits.float(), side, mode="bilinear", align_corners=False)
        window = large[..., : resized_hw[0], : resized_hw[1]]
        return functional.interpolate(window, hw, mode="bilinear", align_corners=False)[:, 0]

    def _positions(self, height: int, width: int) -> Tensor:
        """(C, h, w), in the type of the weights: segment-anything's own would mix types outside float32."""
        layer = self.prompt_encoder.pe_layer
        matrix = layer.positional_encoding_gaussian_matrix
        ones = torch.ones((height, width), device=matrix.device, dtype=matrix.dtype)
        y, x = (ones.cumsum(dim=0) - 0.5) / height, (ones.cumsum(dim=1) - 0.5) / width
        turns = 2 * math.pi * ((2 * torch.stack([x, y], dim=-1) - 1) @ matrix)
        return torch.cat([torch.sin(turns), torch.cos(turns)], dim=-1).permute(2, 0, 1)


def _count(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> int:
    numbers = {int(name[len(prefix) :].split(".")[0]) for name in shapes if name.startswith(prefix)}
    return len(numbers)
