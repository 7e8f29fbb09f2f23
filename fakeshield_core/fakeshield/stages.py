"""The three parts of FakeShield-22B, loaded and resident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles
from fakeshield_core.fakeshield import explaining, loading, localising
from fakeshield_core.fakeshield.adapters import Adapter
from fakeshield_core.fakeshield.explaining import DteFdmStage
from fakeshield_core.fakeshield.localising import MflmStage
from fakeshield_core.fakeshield.lora import adapted
from fakeshield_core.fakeshield.precision import Plan
from fakeshield_core.fakeshield.recipes import Part
from fakeshield_core.fakeshield.tagging import DtgStage


@dataclass(frozen=True, slots=True)
class Stages:
    """Immutable; networks are only read."""

    dtg: DtgStage
    dte_fdm: DteFdmStage
    mflm: MflmStage

    def with_adapters(self, adapters: Mapping[Part, Adapter]) -> Stages:
        """The same with adapters beside the weights, which both share.

        Raises:
            EngineUnavailable: an adapter does not fit.
        """
        dte_fdm, mflm = self.dte_fdm, self.mflm
        if "dte_fdm" in adapters:
            dte_fdm = replace(dte_fdm, network=adapted(dte_fdm.network, adapters["dte_fdm"]))
        if "mflm" in adapters:
            mflm = replace(mflm, network=adapted(mflm.network, adapters["mflm"]))
        return Stages(self.dtg, dte_fdm, mflm)


def load_stages(files: FakeShieldFiles, plan: Plan) -> Stages:
    """All three, on their device.

    Raises:
        EngineUnavailable: weights are missing, damaged, or do not fit config.json.
    """
    return Stages(
        DtgStage(loading.load_dtg(files, plan.device)),
        explaining.load_stage(files, plan.placing("dte_fdm")),
        localising.load_stage(files, plan.placing("mflm")),
    )


def compile_steps(stages: Stages) -> None:
    """Compiles the one-token step of both language models; takes minutes at the first question of each."""
    for network in (stages.dte_fdm.network, stages.mflm.network):
        network.language.model.compile(mode="reduce-overhead", dynamic=False)
