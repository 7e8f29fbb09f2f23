"""What each part learns: an example from disk to tensors, and a batch of them to a loss."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from fakeshield_core.domain import RgbImage
from fakeshield_core.fakeshield.datasets import (
    DetectionExample,
    MaskExample,
    MaskRule,
    read_gt_mask,
    require_same_size,
)
from fakeshield_core.fakeshield.explaining import DteFdmStage
from fakeshield_core.fakeshield.labels import LabelledText, labelled, record_conversation
from fakeshield_core.fakeshield.localising import MflmStage
from fakeshield_core.fakeshield.losses import (
    MaskSample,
    MaskWeights,
    detection_loss,
    localisation_losses,
)
from fakeshield_core.fakeshield.pixels import read_rgb
from fakeshield_core.fakeshield.prompts import (
    MASK_ANSWERS,
    MASK_QUESTIONS,
    PLAIN_MASK_QUESTIONS,
    System,
    conversation,
    mask_message,
    mask_text,
    neutral,
    resolved,
)
from fakeshield_core.fakeshield.training.encodings import Encodings
from fakeshield_core.networks.llava import Llava


class Task(Protocol):
    """One part with its examples."""

    @property
    def network(self) -> Llava:
        """What is trained."""
        ...

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def length(self, index: int) -> int:
        """About how long the text of an example is, to batch like with like."""
        ...

    def losses(self, indices: Sequence[int], seed: int) -> dict[str, Tensor]:
        """`loss` to be minimised, and its terms, of a batch; the seed decides what is drawn."""
        ...


@dataclass(frozen=True, slots=True)
class DetectionTask:
    """MMTD-Set for the DTE-FDM."""

    stage: DteFdmStage
    examples: Sequence[DetectionExample]
    max_length: int
    system: System = "vicuna_v1"  # what the published training script used
    encodings: Encodings = field(default_factory=Encodings)

    @property
    def network(self) -> Llava:
        """The DTE-FDM."""
        return self.stage.network

    def __len__(self) -> int:
        return len(self.examples)

    def length(self, index: int) -> int:
        """Characters of the conversation."""
        return len(str(self.examples[index].record.get("conversations", "")))

    def losses(self, indices: Sequence[int], seed: int) -> dict[str, Tensor]:
        """The cross entropy of the answers."""
        chosen = [self.examples[index] for index in indices]
        texts = [self.text(example) for example in chosen]
        device = self.network.language.lm_head.weight.device
        features = [self.features(example).to(device) for example in chosen]
        return {"loss": detection_loss(self.network, texts, features, self.max_length)}

    def text(self, example: DetectionExample) -> LabelledText:
        """Ids and labels of a record."""
        text = record_conversation(example.record, self.system, self.stage.framed)
        return labelled(self.stage.tokenizer, text, self.max_length)

    def features(self, example: DetectionExample) -> Tensor:
        """The frozen tower's view of its picture."""
        if example.picture is None:
            return self.stage.blank_features()
        path = example.picture
        return self.encodings.of(path, lambda: self._view(read_rgb(path)))["features"]

    def _view(self, rgb: RgbImage) -> dict[str, Tensor]:
        planes = torch.from_numpy(self.stage.planes(rgb))
        return {"features": self.network.vision_features(planes)}


@dataclass(frozen=True, slots=True)
class MaskTask:
    """Pictures, explanations and masks for the MFLM."""

    stage: MflmStage
    examples: Sequence[MaskExample]
    max_length: int
    weights: MaskWeights = field(default_factory=MaskWeights)
    mask_rule: MaskRule = "published"
    system: System = "llava_v1"
    encodings: Encodings = field(default_factory=Encodings)

    @property
    def network(self) -> Llava:
        """The MFLM."""
        return self.stage.network

    def __len__(self) -> int:
        return len(self.examples)

    def length(self, index: int) -> int:
        """Characters of the explanation."""
        return len(self.examples[index].explanation or "")

    def losses(self, indices: Sequence[int], seed: int) -> dict[str, Tensor]:
        """The weighted sum, and its terms."""
        samples = [self.sample(index, random.Random(f"{seed}:{index}")) for index in indices]
        found = localisation_losses(self.stage.network, samples, self.stage.seg_id, self.weights)
        return {"loss": found.total, "ce": found.ce, "bce": found.bce, "dice": found.dice}

    def sample(self, index: int, draw: random.Random) -> MaskSample:
        """One example, with question and answer drawn.

        Raises:
            InputError: picture or mask cannot be read, or differ in size.
        """
        example, stage = self.examples[index], self.stage
        rgb = read_rgb(example.picture, upright=True)
        mask = np.zeros(rgb.shape[:2], np.bool_)
        if example.mask is not None:
            mask = read_gt_mask(example.mask, self.mask_rule)
        require_same_size(example, (rgb.shape[0], rgb.shape[1]), mask)
        text = self.conversation(example.explanation, draw)
        reserved = stage.network.rows_of_picture - 1
        views = self.encodings.of(example.picture, lambda: self._view(rgb))
        device = stage.network.language.lm_head.weight.device
        return MaskSample(
            labelled(stage.tokenizer, text, self.max_length, reserved),
            views["features"].to(device),
            views["embedding"].to(device),
            torch.from_numpy(mask.astype(np.float32))[None],
        )

    def _view(self, rgb: RgbImage) -> dict[str, Tensor]:
        planes = torch.from_numpy(self.stage.clip_planes(rgb))
        return {"features": self.network.vision_features(planes), "embedding": self.stage.embed(rgb)}

    def conversation(self, explanation: str | None, draw: random.Random) -> str:
        """The training text of one example."""
        if explanation:
            text = mask_text(explanation, draw.randrange(len(MASK_QUESTIONS)))
        else:
            text = draw.choice(PLAIN_MASK_QUESTIONS)
        text = neutral(resolved(text), self.stage.tokenizer.controls)
        return conversation([(mask_message(text), draw.choice(MASK_ANSWERS))], self.system)
