"""Stage one: which kind of tampering the picture is suspected of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fakeshield_core.domain import JsonValue, RgbImage
from fakeshield_core.fakeshield.pixels import Planes, dtg_planes
from fakeshield_core.fakeshield.prompts import TAG_KEYS
from fakeshield_core.networks.dtg import DtgNetwork


@dataclass(frozen=True, slots=True)
class DomainTag:
    """What the DTG says; it has no class for untouched pictures, so it always suspects something."""

    logits: npt.NDArray[np.float32]  # (3,)

    @property
    def label(self) -> int:
        """0 AIGC editing, 1 DeepFake, 2 Photoshop."""
        return int(self.logits.argmax())

    @property
    def probabilities(self) -> tuple[float, ...]:
        """All three, in the order of the labels."""
        powers = np.exp(self.logits.astype(np.float64) - self.logits.max())
        return tuple(float(value) for value in powers / powers.sum())

    def to_json(self) -> dict[str, JsonValue]:
        """`domain_tag` of result schema v1."""
        shares: dict[str, JsonValue] = dict(zip(TAG_KEYS, self.probabilities, strict=True))
        return {"label": TAG_KEYS[self.label], "probabilities": shares}


@dataclass(frozen=True, slots=True)
class DtgStage:
    """The DTG with its preprocessing."""

    network: DtgNetwork

    def tag(self, rgb: RgbImage) -> DomainTag:
        """The tag of a picture (H, W, 3)."""
        return self.tag_of(dtg_planes(rgb))

    def tag_of(self, planes: Planes) -> DomainTag:
        """The tag of a prepared input (1, 3, 224, 224)."""
        with torch.inference_mode():
            pixels = torch.from_numpy(planes).to(self.network.fc.weight.device)
            return DomainTag(self.network(pixels)[0].float().cpu().numpy())
