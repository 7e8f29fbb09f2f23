"""Small networks and adapter folders for tests, made without training and without peft."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save

from fakeshield_core.adapters import CONFIG, DIGEST_LENGTH, PEFT_PREFIX, WEIGHTS, AdapterCard, write_card
from fakeshield_core.checkpoints.compact import Calibration, CompactCheckpoint
from fakeshield_core.networks.compact import CompactConfig, CompactNetwork

SMALL = CompactConfig(quarter=16, dct=16, eighth=32, width=32, blocks=1, heads=4, key=8, top=4)
RANK, ALPHA = 2, 4
PLAIN: Mapping[str, object] = {"r": RANK, "lora_alpha": ALPHA}


def checkpoint(seed: int = 3, digest: str = "0" * 12) -> CompactCheckpoint:
    """A small network with random weights."""
    torch.manual_seed(seed)
    network = CompactNetwork(SMALL).eval().requires_grad_(False)
    return CompactCheckpoint(network, Calibration(), digest, {})


def write_adapter_folder(
    adapters: Path,
    base: str,
    layers: dict[str, tuple[int, ...]],
    seed: int = 0,
    size: float = 0.1,
    config: Mapping[str, object] = PLAIN,
) -> str:
    """An adapter with random halves for layers of these weight shapes; its digest, which names the folder."""
    rng = np.random.default_rng(seed)
    halves: dict[str, np.ndarray] = {}
    for name, (out, *inside) in layers.items():
        ones = [1] * (len(inside) - 1)
        down = rng.normal(0, size, (RANK, *inside)).astype(np.float32)
        up = rng.normal(0, size, (out, RANK, *ones)).astype(np.float32)
        halves |= {
            f"{PEFT_PREFIX}{name}.lora_A.weight": down,
            f"{PEFT_PREFIX}{name}.lora_B.weight": up,
        }
    data = {WEIGHTS: save(halves), CONFIG: json.dumps(dict(config)).encode()}
    files = {name: hashlib.sha256(content).hexdigest() for name, content in data.items()}
    digest = files[WEIGHTS][:DIGEST_LENGTH]
    folder = adapters / digest
    folder.mkdir(parents=True)
    for name, content in data.items():
        (folder / name).write_bytes(content)
    card = AdapterCard(digest, files, "compact", base, 1, None, "2026-11-25T00:00:00+00:00", {"steps": 0})
    write_card(folder, card)
    return digest


def for_network(adapters: Path, base: CompactCheckpoint, seed: int = 0) -> str:
    """An adapter of two linear layers and a convolution of the network."""
    state = base.network.state_dict()
    names = ("body.0.qkv", "score", "decoder.blend_eighth")
    shapes = {name: tuple(state[f"{name}.weight"].shape) for name in names}
    return write_adapter_folder(adapters, base.digest, shapes, seed)
