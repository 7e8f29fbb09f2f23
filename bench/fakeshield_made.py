"""Networks of FakeShield-22B's architecture with random weights, in full size and tiny, for timing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, LlamaConfig

from fakeshield_core.fakeshield.loading import dtg_from_state, filled
from fakeshield_core.fakeshield.precision import Plan
from fakeshield_core.networks.dtg import DtgNetwork
from fakeshield_core.networks.llava import Llava, LlavaSizes
from fakeshield_core.networks.mflm import Mflm, MflmSizes
from fakeshield_core.networks.sam_full import SamSizes

SPREAD = 0.02  # standard deviation of the weights


@dataclass(frozen=True, slots=True)
class Architecture:
    """All sizes, and how long the sequences are."""

    name: str
    dte_fdm: LlavaSizes
    mflm: MflmSizes
    words: int = 154  # of the question, beside the rows of the picture: 730 positions
    opening: int = 27  # constant beginning of the answer
    constant: int = 80  # words of the mask prompt before the description, beside the picture
    description: int = 114  # region paragraph, question and "It is"
    whole: int = 294  # the same with the whole answer: 950 positions


@dataclass(frozen=True, slots=True)
class Made:
    """Networks, and the memory that each took, 10^9 bytes."""

    dtg: DtgNetwork
    dte_fdm: Llava
    mflm: Mflm
    memory_gb: Mapping[str, float]


def full_size() -> Architecture:
    """The published sizes."""
    clip = CLIPVisionConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=24,
        num_attention_heads=16,
        image_size=336,
        patch_size=14,
    )
    return Architecture(
        "full size",
        LlavaSizes(_llama(5120, 13824, 40, 40, 32000), clip),
        MflmSizes(LlavaSizes(_llama(4096, 11008, 32, 32, 32007), clip), SamSizes()),
    )


def tiny() -> Architecture:
    """The sizes of the golden weights."""
    clip = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=336,
        patch_size=14,
    )
    sam = SamSizes(
        encoder_embed_dim=32,
        encoder_depth=3,
        encoder_num_heads=4,
        encoder_global_attn_indexes=(2,),
        encoder_mlp_dim=128,
        prompt_embed_dim=32,
        decoder_mlp_dim=64,
        iou_head_hidden_dim=32,
    )
    return Architecture(
        "tiny",
        LlavaSizes(_llama(64, 128, 2, 4, 512), clip),
        MflmSizes(LlavaSizes(_llama(64, 128, 2, 4, 519), clip), sam),
    )


def make(architecture: Architecture, plan: Plan) -> Made:
    """All networks, filled with random numbers on their device, packed where the plan says so."""
    with torch.device("meta"):
        dtg, dte_fdm, mflm = DtgNetwork(), Llava(architecture.dte_fdm), Mflm(architecture.mflm)
    memory: dict[str, float] = {}
    tags = dtg_from_state(RandomState(dtg, plan.device), plan.device)
    memory["DTG"] = size_gb(tags)
    words = filled(dte_fdm, "DTE-FDM", RandomState(dte_fdm, plan.device), plan.placing("dte_fdm"))
    memory["DTE-FDM and CLIP"] = size_gb(words)
    masks = filled(mflm, "MFLM", RandomState(mflm, plan.device), plan.placing("mflm"))
    memory["MFLM, CLIP and SAM"] = size_gb(masks)
    return Made(tags, words, masks, memory)


def size_gb(network: nn.Module) -> float:
    """Memory of all parameters and buffers, 10^9 bytes."""
    held = [*network.parameters(), *network.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in held) / 1e9


class RandomState(Mapping[str, Tensor]):
    """Random tensors of a network's names and shapes; each is made when it is asked for."""

    def __init__(self, network: nn.Module, device: str) -> None:
        self._meta = network.state_dict()
        self._device = device
        self.shapes = {name: tuple(tensor.shape) for name, tensor in self._meta.items()}

    def __getitem__(self, name: str) -> Tensor:
        kind = torch.float32 if self._device == "cpu" else torch.bfloat16
        if not self._meta[name].is_floating_point():
            return torch.zeros(self.shapes[name], dtype=self._meta[name].dtype, device=self._device)
        if name.endswith(("norm.weight", "running_var")):
            return torch.ones(self.shapes[name], dtype=kind, device=self._device)
        return torch.empty(self.shapes[name], dtype=kind, device=self._device).normal_(std=SPREAD)

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def _llama(hidden: int, inner: int, layers: int, heads: int, vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        vocab_size=vocabulary,
        rms_norm_eps=1e-5,
        max_position_embeddings=4096,
        pad_token_id=None,
    )
