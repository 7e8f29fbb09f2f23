"""LoRA training of both parts on tiny weights: golden losses, falling loss, resume, export, round trip."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fakeshield_core.checkpoints.fakeshield import locate
from fakeshield_core.checkpoints.tensors import read_folder
from fakeshield_core.conform.command import complaints
from fakeshield_core.conform.fakeshield import conform
from fakeshield_core.errors import EngineUnavailable, InputError
from fakeshield_core.fakeshield import explaining, localising
from fakeshield_core.fakeshield.adapters import Adapter, adapter_from_state, apply_adapter, read_adapter
from fakeshield_core.fakeshield.datasets import DetectionExample
from fakeshield_core.fakeshield.labels import labelled
from fakeshield_core.fakeshield.losses import MaskSample, localisation_losses
from fakeshield_core.fakeshield.quantise import quantise
from fakeshield_core.fakeshield.recipes import Recipe
from fakeshield_core.fakeshield.training.adapter import attach, trained_weights
from fakeshield_core.fakeshield.training.export import export
from fakeshield_core.fakeshield.training.tasks import DetectionTask, MaskTask, Task
from fakeshield_core.fakeshield.training.trainer import RunOptions, StepReport, train
from fakeshield_core.fakeshield.training.validate import validate
from tests.integration.fakeshield_toy import (
    DTE_FDM,
    GOLDEN,
    MFLM,
    detection_task,
    document,
    files,
    mask_task,
)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("views")


@pytest.fixture(scope="module")
def detection_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[DetectionTask, list[float], Path]:
    """Fifty steps of the DTE-FDM."""
    out, task = tmp_path_factory.mktemp("dte_fdm"), detection_task()
    return task, _losses(task, DTE_FDM, RunOptions(out, max_steps=50, cpu=True)), out / "adapter"


@pytest.fixture(scope="module")
def mask_run(tmp_path_factory: pytest.TempPathFactory, views: Path) -> tuple[MaskTask, list[float], Path]:
    """Fifty steps of the MFLM."""
    out, task = tmp_path_factory.mktemp("mflm"), mask_task(views)
    options = RunOptions(out, max_steps=50, cpu=True, gradient_checkpointing=False)
    return task, _losses(task, MFLM, options), out / "adapter"


def test_a_fresh_adapter_of_the_dte_fdm_gives_the_golden_loss() -> None:
    task = detection_task()
    attach(task.network, DTE_FDM)
    loss = float(task.losses([0, 1], seed=0)["loss"].detach())
    assert loss == pytest.approx(document("dte_fdm")["training"]["batch_loss"], rel=1e-4)


def test_a_fresh_adapter_of_the_mflm_gives_the_golden_losses(views: Path) -> None:
    task, golden = mask_task(views), document("mflm")["training"]
    attach(task.network, MFLM)
    samples = [_with_text(task, number) for number in range(2)]
    with torch.inference_mode():
        found = localisation_losses(task.stage.network, samples, task.stage.seg_id)
    losses = golden["losses"]
    assert float(found.total) == pytest.approx(losses["loss"], rel=1e-4)
    assert float(found.ce) == pytest.approx(losses["ce_loss"], rel=1e-4)
    assert float(found.bce) == pytest.approx(losses["mask_bce_loss"], rel=1e-4)
    assert float(found.dice) == pytest.approx(losses["mask_dice_loss"], rel=1e-4)


@pytest.mark.parametrize("part", ["dte_fdm", "mflm"])
def test_the_recipe_trains_exactly_what_was_published(part: str, views: Path) -> None:
    task: Task = detection_task() if part == "dte_fdm" else mask_task(views)
    attach(task.network, DTE_FDM if part == "dte_fdm" else MFLM)
    names = set(trained_weights(task.network))
    adapted = {name.split(".lora_")[0].rpartition(".")[2] for name in names if ".lora_" in name}
    whole = {
        name.split(".")[0] if not name.startswith("language") else name for name in names - _halves(names)
    }
    if part == "dte_fdm":
        assert adapted == set(document("dte_fdm")["training"]["lora_target_modules"])
        assert whole == {"projector"}
    else:
        assert adapted == {"q_proj", "v_proj"}
        assert whole == {"language.lm_head.weight", "language.model.embed_tokens.weight", "sam", "seg_head"}
        assert all("mask_decoder" in name for name in names if name.startswith("sam."))


def test_the_loss_of_the_dte_fdm_falls_over_fifty_steps(
    detection_run: tuple[DetectionTask, list[float], Path],
) -> None:
    _, losses, _ = detection_run
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_the_loss_of_the_mflm_falls_over_fifty_steps(mask_run: tuple[MaskTask, list[float], Path]) -> None:
    _, losses, _ = mask_run
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_an_adapter_changes_the_answer_of_the_dte_fdm(
    detection_run: tuple[DetectionTask, list[float], Path],
) -> None:
    task, _, folder = detection_run
    stage = explaining.load_stage(files())
    before = _logits(stage, task)
    apply_adapter(stage.network, read_adapter(folder, "dte_fdm"))
    assert float((_logits(stage, task) - before).abs().max()) > 0.1


def test_a_merged_adapter_answers_as_the_trained_network(
    detection_run: tuple[DetectionTask, list[float], Path],
) -> None:
    task, _, folder = detection_run
    stage = explaining.load_stage(files())
    apply_adapter(stage.network, read_adapter(folder, "dte_fdm"))
    assert float((_logits(stage, task) - _logits(task.stage, task)).abs().max()) < 1e-3


def test_an_exported_dte_fdm_loads_again_and_answers_the_same(
    detection_run: tuple[DetectionTask, list[float], Path], tmp_path: Path
) -> None:
    task, _, folder = detection_run
    root = _official(tmp_path)
    base = root / "DTE-FDM"
    base.rename(tmp_path / "base")
    export(tmp_path / "base", read_adapter(folder, "dte_fdm"), base, "float32")
    assert set(read_folder(base)) == set(read_folder(files().dte_fdm))
    stage = explaining.load_stage(locate(root, files().clip))
    assert float((_logits(stage, task) - _logits(task.stage, task)).abs().max()) < 1e-3


def test_an_exported_mflm_loads_again_and_gives_the_same_loss(
    mask_run: tuple[MaskTask, list[float], Path], tmp_path: Path, views: Path
) -> None:
    task, _, folder = mask_run
    root = _official(tmp_path)
    (root / "MFLM").rename(tmp_path / "base")
    export(tmp_path / "base", read_adapter(folder, "mflm"), root / "MFLM", "float32")
    assert set(read_folder(root / "MFLM")) == set(read_folder(files().mflm))
    shutil.copy(GOLDEN / "tiny_sam_config.json", root)
    stage = localising.load_stage(locate(root, files().clip))
    fresh = MaskTask(stage, task.examples, task.max_length, encodings=task.encodings)
    with torch.inference_mode():
        own = {name: float(value) for name, value in task.losses([0, 1], 7).items()}
        again = {name: float(value) for name, value in fresh.losses([0, 1], 7).items()}
    assert again == pytest.approx(own, rel=1e-4)


def test_exporting_an_untrained_adapter_gives_a_folder_that_conforms(tmp_path: Path) -> None:
    folder = tmp_path / "golden"
    shutil.copytree(GOLDEN, folder)
    weights = folder / "weight" / "fakeshield-v1-22b"
    for part, name in (("dte_fdm", "DTE-FDM"), ("mflm", "MFLM")):
        (weights / name).rename(tmp_path / name)
        export(tmp_path / name, _zero(tmp_path / name, part), weights / name)
    assert complaints(conform(folder)) == ()


def test_export_keeps_the_types_and_files_of_the_base(
    mask_run: tuple[MaskTask, list[float], Path], tmp_path: Path
) -> None:
    base, out = files().mflm, tmp_path / "merged"
    export(base, read_adapter(mask_run[2], "mflm"), out)
    assert {path.name for path in out.iterdir()} == {path.name for path in base.iterdir()}
    before, after = read_folder(base), read_folder(out)
    assert {name: after[name].dtype for name in after} == {name: before[name].dtype for name in before}
    index = json.loads((out / "pytorch_model.bin.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in after.values())


def test_export_refuses_a_folder_that_exists(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a new folder"):
        export(files().mflm, _zero(files().mflm, "mflm"), tmp_path)


def test_a_resumed_run_repeats_the_unbroken_one(tmp_path: Path) -> None:
    whole = _losses(detection_task(), DTE_FDM, RunOptions(tmp_path / "a", max_steps=4, cpu=True))
    broken = train(detection_task(), DTE_FDM, RunOptions(tmp_path / "b", max_steps=4, save_every=2, cpu=True))
    first = [next(broken).losses["loss"] for _ in range(3)]  # the third step is lost with the process
    broken.close()
    options = RunOptions(tmp_path / "b", max_steps=4, resume=True, cpu=True)
    rest = _losses(detection_task(), DTE_FDM, options)
    assert first[:2] + rest == pytest.approx(whole, rel=1e-6)


def test_resuming_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        _losses(detection_task(), DTE_FDM, RunOptions(tmp_path, max_steps=1, resume=True, cpu=True))


def test_a_checkpoint_holds_no_frozen_weights(tmp_path: Path) -> None:
    task = detection_task()
    _losses(task, DTE_FDM, RunOptions(tmp_path, max_steps=2, save_every=1, cpu=True))
    trained = sum(weight.nbytes for weight in trained_weights(task.network).values())
    saved = sum(path.stat().st_size for path in (tmp_path / "checkpoint").rglob("*") if path.is_file())
    assert saved < 3.2 * trained  # weights, and two moments of the optimiser


def test_accumulated_batches_weigh_the_same(tmp_path: Path) -> None:
    recipe = replace(DTE_FDM, batch=1, accumulation=2, dropout=0.0)
    reports = list(train(detection_task(), recipe, RunOptions(tmp_path, max_steps=1, cpu=True)))
    single = document("dte_fdm")["training"]["single_losses"]
    assert reports[0].losses["loss"] == pytest.approx(sum(single) / 2, rel=1e-4)


def test_validation_judges_the_masks_of_given_answers(views: Path) -> None:
    task = mask_task(views)
    found = validate(task)
    assert 0.0 < found.g_iou < 1.0
    assert 0.0 < found.c_iou < 1.0
    assert found == validate(task)


def test_the_adapter_with_the_best_figure_is_kept(tmp_path: Path) -> None:
    figures = iter([0.2, 0.6, 0.4])
    options = RunOptions(tmp_path, max_steps=3, cpu=True, judge=lambda: next(figures))
    _losses(detection_task(), DTE_FDM, options)
    assert json.loads((tmp_path / "best" / "best.json").read_text()) == {"g_iou": 0.6}
    kept, last = (read_adapter(tmp_path / name, "dte_fdm").whole for name in ("best", "adapter"))
    assert not torch.equal(kept["model.mm_projector.0.bias"], last["model.mm_projector.0.bias"])


def test_a_record_without_a_picture_is_learnt_from_its_words() -> None:
    task = detection_task()
    turns = [{"from": "human", "value": "What is tampering?"}, {"from": "gpt", "value": "A change."}]
    words = replace(task, examples=[DetectionExample(None, {"conversations": turns})])
    with torch.inference_mode():
        loss = float(words.losses([0], seed=0)["loss"])
    assert 1.0 < loss < 100.0


def test_qlora_learns_on_packed_weights(tmp_path: Path) -> None:
    task = detection_task()
    plain = task.network.language.model.layers[0].mlp.up_proj.weight.nbytes
    quantise(task.network, "nf4", torch.float32)
    packed = task.network.language.model.layers[0].mlp.up_proj.weight
    assert packed.nbytes * 8 == plain
    recipe = replace(DTE_FDM, warmup=0.0, dropout=0.0)
    losses = _losses(task, recipe, RunOptions(tmp_path, max_steps=8, cpu=True))
    assert losses[-1] < losses[0]
    assert read_adapter(tmp_path / "adapter", "dte_fdm").pairs


@pytest.mark.parametrize("style", ["peft", "doubled", "in place", "wrapped"])
def test_names_of_all_published_checkpoints_are_read(style: str) -> None:
    module = "model.layers.0.self_attn.q_proj"
    prefix = {"peft": "base_model.model.", "doubled": "base_model.model.", "in place": "", "wrapped": ""}[
        style
    ]
    adapter = ".default" if style in ("in place", "wrapped") else ""
    halves = {f"{prefix}{module}.lora_{side}{adapter}.weight": torch.ones(2, 2) for side in ("A", "B")}
    if style == "in place":
        halves[f"{module}.weight"] = torch.zeros(2, 2)
    if style == "wrapped":
        halves[f"{module}.base_layer.weight"] = torch.zeros(2, 2)
    halves[f"{prefix}model.mm_projector.0.bias"] = torch.ones(3)
    found = adapter_from_state("dte_fdm", halves, scale=2.0)
    assert set(found.pairs) == {module}
    assert set(found.whole) == {"model.mm_projector.0.bias"}


def test_half_an_adapter_is_refused() -> None:
    state = {"model.layers.0.self_attn.q_proj.lora_A.weight": torch.ones(2, 2)}
    with pytest.raises(EngineUnavailable, match="lora_B"):
        adapter_from_state("dte_fdm", state, scale=1.0)


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.q_proj.weight", "lm_head.weight"])
def test_a_checkpoint_without_a_trained_weight_is_refused(name: str) -> None:
    """The DTE-FDM's recipe trains halves and the projector; all else in a checkpoint is frozen."""
    with pytest.raises(EngineUnavailable, match="lacks any trained weight"):
        adapter_from_state("dte_fdm", {name: torch.ones(2, 2)}, scale=1.0)
    with pytest.raises(EngineUnavailable, match="lacks any trained weight"):
        adapter_from_state("dte_fdm", {}, scale=1.0)


def test_weights_trained_whole_are_an_adapter_without_halves() -> None:
    found = adapter_from_state("mflm", {"lm_head.weight": torch.ones(2, 2)}, scale=1.0)
    assert set(found.whole) == {"lm_head.weight"} and not found.pairs


def test_an_adapter_of_the_other_part_is_refused(mask_run: tuple[MaskTask, list[float], Path]) -> None:
    with pytest.raises(EngineUnavailable, match="trained for mflm"):
        read_adapter(mask_run[2], "dte_fdm")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="(accelerate|bitsandbytes|peft|torch).*")
        yield


def _losses(task: Task, recipe: Recipe, options: RunOptions) -> list[float]:
    reports: list[StepReport] = list(train(task, recipe, options))
    return [report.losses["loss"] for report in reports]


def _halves(names: set[str]) -> set[str]:
    return {name for name in names if ".lora_" in name}


def _logits(stage: explaining.DteFdmStage, task: DetectionTask) -> torch.Tensor:
    example = task.examples[0]
    text = task.text(example)
    with torch.inference_mode():
        embedded = stage.embeddings(text.ids, task.features(example))
        return stage.network.language.lm_head(stage.network.states(embedded))


def _with_text(task: MaskTask, number: int) -> MaskSample:
    """A sample with the conversation of the golden instead of a drawn one."""
    text = document("mflm")["training"]["samples"][number]["conversation"]
    return replace(
        task.sample(number, random.Random(0)), text=labelled(task.stage.tokenizer, text, task.max_length, 575)
    )


def _official(folder: Path) -> Path:
    root = folder / "weights"
    shutil.copytree(files().root, root)
    return root


def _zero(base: Path, part: str) -> Adapter:
    """An adapter as it is before the first step: B is zero."""
    tensors = read_folder(base)
    module = "model.layers.0.self_attn.q_proj"
    rows, columns = tensors[f"{module}.weight"].shape
    state = {
        f"{module}.lora_A.weight": torch.ones(4, columns),
        f"{module}.lora_B.weight": torch.zeros(rows, 4),
    }
    return adapter_from_state("dte_fdm" if part == "dte_fdm" else "mflm", state, scale=2.0)
