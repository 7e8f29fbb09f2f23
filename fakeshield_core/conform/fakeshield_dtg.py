"""The DTG's part of a golden: weights by recipe, inputs, logits, labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles
from fakeshield_core.conform.dtg_recipe import made_state
from fakeshield_core.conform.ledger import Ledger
from fakeshield_core.domain import JsonValue
from fakeshield_core.fakeshield import loading
from fakeshield_core.fakeshield.pixels import dtg_planes
from fakeshield_core.fakeshield.tagging import DtgStage
from fakeshield_core.networks.dtg import DtgNetwork


def check_dtg(ledger: Ledger, files: FakeShieldFiles) -> DtgStage:
    """Compares everything below `dtg`; the stage is handed on, since the prompts depend on its labels."""
    golden = ledger.golden
    document = golden.documents.get("dtg", {})
    network = _network(document, files)
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    ledger.uses("dtg/weight_recipe_seed", "dtg/fc_bias", "dtg/note", "dtg/versions")
    for name in golden.section("dtg", "weight_checks"):
        where, values = f"dtg/weight_checks/{name}", state[name].astype(np.float64)
        ledger.exact("DTG weights: shapes", f"{where}/shape", list(values.shape))
        ledger.near("DTG weights", f"{where}/first3", values.ravel()[:3])
        ledger.near("DTG weights", f"{where}/sum", float(values.sum()), max(1.0, float(np.abs(values).sum())))
    stage = DtgStage(network)
    for name in golden.section("dtg", "images"):
        _check_picture(ledger, stage, name)
    return stage


def _check_picture(ledger: Ledger, stage: DtgStage, name: str) -> None:
    planes = dtg_planes(ledger.golden.picture(name))
    tag, where = stage.tag_of(planes), f"dtg/images/{name}"
    ledger.tensors("DTG input", "dtg", f"{name}.input", planes)
    wide = planes.astype(np.float64)
    ledger.near("sums of inputs", f"{where}/input_sum", float(wide.sum()), float(np.abs(wide).sum()))
    ledger.near(
        "sums of inputs", f"{where}/input_abs_sum", float(np.abs(wide).sum()), float(np.abs(wide).sum())
    )
    ledger.near("DTG logits", f"{where}/logits", tag.logits)
    ledger.tensors("DTG logits", "dtg", f"{name}.logits", tag.logits[None])
    ledger.exact("DTG labels", f"{where}/label", tag.label)


def _network(document: Mapping[str, JsonValue], files: FakeShieldFiles) -> DtgNetwork:
    """From the recipe where the golden gives one, else from its file."""
    seed, bias = document.get("weight_recipe_seed"), document.get("fc_bias")
    if not isinstance(seed, int) or not isinstance(bias, list):
        return loading.load_dtg(files)
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in DtgNetwork().state_dict().items()}
    made = made_state(shapes, seed, [float(str(value)) for value in bias])
    state: dict[str, Tensor] = {name: torch.from_numpy(values) for name, values in made.items()}
    return loading.dtg_from_state(state)
