"""LLaVA-1.5: CLIP tower, projector, LLaMA; a prompt is embeddings, without image tokens in the vocabulary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from fakeshield_core.errors import EngineUnavailable

IGNORED = -100  # label of a position that is not learnt


@dataclass(frozen=True, slots=True)
class LlavaSizes:
    """Everything that decides shapes."""

    llama: LlamaConfig
    clip: CLIPVisionConfig
    projector: str = "mlp2x_gelu"  # or "linear", "identity", "mlp{n}x_gelu"
    select_layer: int = -2  # index into the tower's hidden states
    keeps_class_row: bool = False  # True: `cls_patch`


class Llava(nn.Module):
    """The three parts and how a prompt becomes one sequence of embeddings."""

    def __init__(self, sizes: LlavaSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.language = LlamaForCausalLM(sizes.llama)
        self.tower = CLIPVisionModel(sizes.clip)
        self.projector = build_projector(sizes.projector, sizes.clip.hidden_size, sizes.llama.hidden_size)

    @property
    def rows_of_picture(self) -> int:
        """How many positions a picture takes: 576 for 336 / 14."""
        return int(self.tower.embeddings.num_patches) + int(self.sizes.keeps_class_row)

    @torch.no_grad()
    def vision_features(self, planes: Tensor) -> Tensor:
        """(B, rows, vision width) of the selected layer, in the language model's type.

        Args:
            planes: (B, 3, 336, 336), CLIP-normalised. They pass through the language model's type first, as
                in the published code, which leaves the tower in float32.
        """
        kind = self.language.lm_head.weight.dtype
        tower = self.tower.embeddings.patch_embedding.weight
        pixels = planes.to(tower.device, kind).to(tower.dtype)
        hidden = self.tower(pixel_values=pixels, output_hidden_states=True).hidden_states
        features = hidden[self.sizes.select_layer]
        return (features if self.sizes.keeps_class_row else features[:, 1:]).to(kind)

    def image_rows(self, features: Tensor) -> Tensor:
        """(B, rows, language width): the projected features."""
        return self.projector(features)

    def embed(self, ids: Sequence[int], rows: Tensor, image_id: int, limit: int | None = None) -> Tensor:
        """(1, L, language width): embeddings of the ids with the rows in place of each `image_id`.

        Args:
            ids: one prompt.
            rows: (rows, language width) of its picture.
            image_id: the sentinel.
            limit: positions beyond are cut off, as `tokenizer_model_max_length` does.
        """
        table = self.language.get_input_embeddings()
        pieces, start = [], 0
        for place in [*(i for i, number in enumerate(ids) if number == image_id), len(ids)]:
            if place > start:
                pieces.append(table(torch.tensor(ids[start:place], device=rows.device)))
            if place < len(ids):
                pieces.append(rows)
            start = place + 1
        return torch.cat(pieces)[None, :limit]

    def states(self, embeddings: Tensor, attention: Tensor | None = None) -> Tensor:
        """(B, L, language width): last hidden states after the final norm."""
        return self.language.model(
            inputs_embeds=embeddings, attention_mask=attention, use_cache=False
        ).last_hidden_state


def build_projector(kind: str, width_in: int, width_out: int) -> nn.Module:
    """The projector of that name.

    Raises:
        EngineUnavailable: an unknown name.
    """
    if kind == "identity":
        return nn.Identity()
    if kind == "linear":
        return nn.Linear(width_in, width_out)
    match = re.fullmatch(r"mlp(\d+)x_gelu", kind)
    if match is None:
        raise EngineUnavailable(f"The projector type {kind!r} is unknown; use a folder with mlp2x_gelu.")
    layers: list[nn.Module] = [nn.Linear(width_in, width_out)]
    for _ in range(1, int(match[1])):
        layers += [nn.GELU(), nn.Linear(width_out, width_out)]
    return nn.Sequential(*layers)


def expand_labels(labels: Sequence[int], ids: Sequence[int], image_id: int, rows: int) -> list[int]:
    """Labels with `rows` ignored positions in place of each sentinel."""
    expanded: list[int] = []
    for label, number in zip(labels, ids, strict=True):
        expanded += [IGNORED] * rows if number == image_id else [label]
    return expanded


def make_buffers(network: nn.Module) -> None:
    """Computes the tables that no checkpoint holds, after a network was built on the meta device.

    Raises:
        RuntimeError: a buffer is left that this function does not know.
    """
    for module in network.modules():
        if isinstance(module, LlamaRotaryEmbedding):
            fresh = LlamaRotaryEmbedding(module.config)
            module.inv_freq, module.original_inv_freq = fresh.inv_freq, fresh.original_inv_freq
        ids = dict(module.named_buffers(recurse=False)).get("position_ids")
        if ids is not None:
            module.position_ids = torch.arange(ids.shape[-1])[None]
    left = [name for name, buffer in network.named_buffers() if buffer.is_meta]
    if left:
        raise RuntimeError(f"no rule fills the buffers {left}")
