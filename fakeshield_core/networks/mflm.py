"""The mask finder: a LLaVA whose state before each [SEG] prompts Segment Anything."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fakeshield_core.networks.llava import Llava, LlavaSizes
from fakeshield_core.networks.sam_full import SamNetwork, SamSizes


@dataclass(frozen=True, slots=True)
class MflmSizes:
    """Everything that decides shapes."""

    llava: LlavaSizes
    sam: SamSizes

    @property
    def prompt_width(self) -> int:
        """Width of a mask prompt, `out_dim` of the published configuration."""
        return self.sam.prompt_embed_dim


class Mflm(Llava):
    """LLaVA, the head that turns its states into mask prompts, and SAM."""

    def __init__(self, sizes: MflmSizes) -> None:
        super().__init__(sizes.llava)
        width = sizes.llava.llama.hidden_size
        self.seg_head = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(inplace=False), nn.Linear(width, sizes.prompt_width)
        )
        self.sam = SamNetwork(sizes.sam)

    def low_resolution(self, states: Tensor, embedding: Tensor) -> Tensor:
        """Mask logits (n, 1, 256, 256).

        Args:
            states: (n, language width), the state before each [SEG].
            embedding: (1, C, 64, 64), SAM's of the picture.
        """
        return self.sam.low_resolution(embedding, self.seg_head(states))


def seg_places(ids: list[int], seg_id: int, rows: int) -> list[int]:
    """Positions, in the sequence with the picture's rows, of the states that predicted a [SEG].

    Args:
        ids: prompt and answer, the picture as one sentinel.
        seg_id: id of [SEG].
        rows: positions the picture takes; it stands before every [SEG].
    """
    return [place + rows - 1 for place in range(len(ids) - 1) if ids[place + 1] == seg_id]


def place_states(states: Tensor, places: list[int]) -> Tensor:
    """(n, width) of states (L, width); n may be 0."""
    return states[torch.tensor(places, dtype=torch.long, device=states.device)]
