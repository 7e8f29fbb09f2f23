"""LoRA on the compact network: which layers, a pass that trains only them, and the folder they become."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save
from torch import Tensor, nn

from fakeshield_core.adapters import CONFIG, DIGEST_LENGTH, WEIGHTS, AdapterCard, write_card
from fakeshield_core.checkpoints.compact import CompactCheckpoint
from fakeshield_core.networks.compact import CompactNetwork
from fakeshield_core.training.objective import Batch
from feedback.durable import sync_file, sync_folder
from finetune.config import TrainConfig

ADAPTED = ("body.", "classify", "score", "query", "decoder.")  # body and heads; never the stems, nor clicks


@dataclass(frozen=True)
class Answer:
    """What a network says of a batch."""

    classes: Tensor  # (B, 2) class logits
    mask_logits: Tensor  # (B, H/4, W/4)
    label: Tensor  # (B,) image-level logit, before calibration


class Student(nn.Module):
    """The base with trainable LoRA layers; convolutions run once for the student and for its base."""

    def __init__(self, checkpoint: CompactCheckpoint, config: TrainConfig) -> None:
        super().__init__()
        network = CompactNetwork(checkpoint.network.config)
        network.load_state_dict(checkpoint.network.state_dict())
        network.eval()
        torch.manual_seed(config.seed)  # of the first LoRA weights
        lora = LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=0.0,
            target_modules=adapted_layers(network),
        )
        self.lora = get_peft_model(network, lora)

    @property
    def network(self) -> CompactNetwork:
        """The network with LoRA layers in place."""
        return cast("CompactNetwork", cast("PeftModel", self.lora).get_base_model())

    def forward(self, batch: Batch, taught: int) -> tuple[Answer, Answer]:
        """The student's answers, and the base's on the first rows, as many as `taught`."""
        network = self.network
        with torch.no_grad():
            features = network.features(batch.rgb.float(), batch.table, batch.once)
            correlation = network.correlation(features.sixteenth)
            first = replace(features, **{name: value[:taught] for name, value in vars(features).items()})
            with cast("PeftModel", self.lora).disable_adapter():
                base = _answer(network, first, correlation[:taught])
        return _answer(network, features, correlation), base

    def trained(self) -> dict[str, Tensor]:
        """LoRA weights by peft's names."""
        return dict(get_peft_model_state_dict(self.lora))


def adapted_layers(network: CompactNetwork) -> list[str]:
    """Names of the layers that get LoRA, sorted: linear ones and plain convolutions of body and heads."""
    return sorted(
        name
        for name, layer in network.named_modules()
        if name.startswith(ADAPTED)
        and (type(layer) is nn.Linear or (type(layer) is nn.Conv2d and layer.groups == 1))
    )


def write_adapter(folder: Path, student: Student, about: Mapping[str, object]) -> AdapterCard:
    """Writes `<folder>/<digest>`: peft's two files and `adapter.json`; whole or not at all.

    Args:
        folder: `<data_dir>/adapters`.
        about: fields of AdapterCard but digest and files.
    """
    draft = folder / f".draft-{secrets.token_hex(6)}"
    draft.mkdir(parents=True)
    try:
        weights = save({name: value.detach().cpu().contiguous() for name, value in student.trained().items()})
        (draft / WEIGHTS).write_bytes(weights)
        (draft / CONFIG).write_bytes(_config(draft, student))
        files = {name: hashlib.sha256((draft / name).read_bytes()).hexdigest() for name in (WEIGHTS, CONFIG)}
        card = AdapterCard(digest=files[WEIGHTS][:DIGEST_LENGTH], files=files, **about)  # type: ignore[arg-type]
        write_card(draft, card)
        for path in _files(draft):
            sync_file(path)
        if not (folder / card.digest).exists():  # a run that was killed here wrote the same before
            os.replace(draft, folder / card.digest)
        sync_folder(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return card


def _answer(network: CompactNetwork, features: object, correlation: Tensor) -> Answer:
    decision = network.decide(features, correlation)  # type: ignore[arg-type]
    return Answer(decision.classes, decision.mask_logits, network.score(decision.pooled)[:, 0])


def _config(draft: Path, student: Student) -> bytes:
    """The configuration file peft writes, with its lists sorted: peft keeps sets, whose order is chance."""
    cast("PeftModel", student.lora).peft_config["default"].save_pretrained(str(draft))
    said = json.loads((draft / CONFIG).read_text())
    said = {name: sorted(v) if isinstance(v, list) else v for name, v in said.items()}
    return json.dumps(said, indent=1, sort_keys=True).encode() + b"\n"


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.iterdir())
    yield folder
