"""From a checkpoint to what is shipped: averaged weights in fp16, calibrated, and their card."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from fakeshield_core.checkpoints.clicks import write_clicks
from fakeshield_core.checkpoints.compact import Calibration, read_compact, write_compact
from fakeshield_core.domain import JsonValue
from fakeshield_core.engines.compact import CompactEngine
from fakeshield_core.errors import EngineUnavailable, ManifestInvalid
from fakeshield_core.networks.clicks import ClickConfig
from fakeshield_core.networks.compact import CompactConfig
from fakeshield_core.provenance import provenance
from fakeshield_core.training.calibrate import calibrated, rates, readings_of, with_calibration
from fakeshield_core.training.map_offset import map_offset
from fakeshield_core.training.photographs import Photograph, split
from fakeshield_core.training.score_head import with_head

log = logging.getLogger(__name__)


def publish(checkpoint: Path, photographs: Sequence[Photograph], out: Path) -> str:
    """Writes weights and card to `out`; gives the digest of the weights.

    Args:
        checkpoint: `checkpoint.pt` of a run, whole or in progress.
        photographs: all of the training data; its held-out groups calibrate.

    Raises:
        EngineUnavailable: the checkpoint is missing or not one of ours.
        ManifestInvalid: no held-out pictures of one of the two classes.
    """
    average, step, config = _averaged(checkpoint)
    about = _about("compact", photographs, step, config)
    learnt, held_out = split(photographs)
    if len({p.is_tampered for p in held_out}) < 2:
        raise ManifestInvalid(
            "The held-out groups lack one of the two classes to calibrate on; give more groups with --data."
        )
    write_compact(out, average, CompactConfig(), Calibration(), about)
    offset = map_offset(CompactEngine(read_compact(out)), held_out)
    log.info("%.2f is added to the map's logits", offset)
    about["map_offset"] = offset
    average["decoder.bias"] = average["decoder.bias"] + offset
    write_compact(out, average, CompactConfig(), Calibration(), about)
    log.info("fitting the image-level head")
    average = with_head(with_calibration(read_compact(out), Calibration()), learnt).network.state_dict()
    write_compact(out, average, CompactConfig(), Calibration(), about)
    log.info("calibrating on %d held-out pictures", len(held_out))
    readings = readings_of(CompactEngine(with_calibration(read_compact(out), Calibration())), held_out)
    calibration = calibrated(readings)
    about["rates"] = rates(readings, calibration)
    return write_compact(out, average, CompactConfig(), calibration, about)


def publish_clicks(checkpoint: Path, photographs: Sequence[Photograph], out: Path) -> str:
    """Writes the click network's weights and card to `out`; gives the digest of the weights.

    Arguments as in `publish`.

    Raises:
        EngineUnavailable: the checkpoint is missing or not one of ours.
    """
    average, step, config = _averaged(checkpoint)
    return write_clicks(out, average, ClickConfig(), _about("clicks", photographs, step, config))


def _averaged(checkpoint: Path) -> tuple[dict[str, Tensor], int, Mapping[str, JsonValue]]:
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        return state["average"], int(state["step"]), state["config"]
    except (OSError, KeyError, RuntimeError) as error:
        raise EngineUnavailable(
            f"{checkpoint.name} cannot be read as a training checkpoint; train first."
        ) from error


def _about(
    name: str, photographs: Sequence[Photograph], step: int, config: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    used = Counter(f"{p.dataset}, {'tampered' if p.is_tampered else 'untouched'}" for p in photographs)
    return {
        "name": name,
        "trained_on": {name: count for name, count in sorted(used.items())},
        "held_out": "a tenth of the groups, by digest, less those that share a scene with the rest",
        "steps": step,
        "training": dict(config),
        "made": asdict(provenance()),
        "torch": torch.__version__,
        "licence": "research, non-commercial; see LICENSE-WEIGHTS.md",
    }
