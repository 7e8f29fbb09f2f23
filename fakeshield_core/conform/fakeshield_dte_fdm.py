"""The DTE-FDM's part of a golden: prompts, pixels, features, logits, greedy answers, training."""

from __future__ import annotations

from itertools import islice

import numpy as np
import torch
from torch import Tensor

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles
from fakeshield_core.conform.ledger import Ledger
from fakeshield_core.domain import JsonValue
from fakeshield_core.fakeshield import explaining, recipes
from fakeshield_core.fakeshield.decoding import Decoding, Step, decode
from fakeshield_core.fakeshield.explaining import DteFdmStage
from fakeshield_core.fakeshield.labels import LabelledText, labelled, padded, record_conversation
from fakeshield_core.fakeshield.loading import Placing
from fakeshield_core.fakeshield.losses import detection_loss
from fakeshield_core.fakeshield.prompts import TEMPLATES
from fakeshield_core.fakeshield.tagging import DtgStage

MARGIN_HALF = 0.05  # logits; in float16 two tokens closer than this may change places between machines


def check_dte_fdm(ledger: Ledger, files: FakeShieldFiles, tags: DtgStage) -> None:
    """Compares everything below `dte_fdm`."""
    golden = ledger.golden
    stage = explaining.load_stage(files)
    ledger.uses("dte_fdm/versions", "dte_fdm/note")
    for number, entry in enumerate(golden.records("dte_fdm", "prompts", "")):
        where, label = f"dte_fdm/prompts/{number}", entry.get("label")
        ledger.uses(f"{where}/label")
        if isinstance(label, int):
            _check_prompt(ledger, stage, where, label)
    for name in golden.section("dte_fdm", "runs"):
        _Run(ledger, stage, name).check(tags.tag(golden.picture(name)).label)
    _check_half(ledger, files)
    _check_training(ledger, stage)


def _check_prompt(ledger: Ledger, stage: DteFdmStage, where: str, label: int) -> list[int]:
    prompt = stage.prompt(label)
    ids = stage.tokenizer.encode_with_image(prompt)
    ledger.exact("prompts", f"{where}/prompt", prompt)
    ledger.exact("ids", f"{where}/input_ids", list[JsonValue](ids))
    return ids


class _Run:
    """One picture through the DTE-FDM."""

    def __init__(self, ledger: Ledger, stage: DteFdmStage, name: str) -> None:
        self._ledger, self._stage, self._name = ledger, stage, name
        self._where = f"dte_fdm/runs/{name}"
        self._rgb = ledger.golden.picture(name)

    def check(self, label: int) -> None:
        """All values of the run."""
        ledger, where = self._ledger, self._where
        ledger.exact("DTG labels", f"{where}/dtg_label", label)
        ids = _check_prompt(ledger, self._stage, where, label)
        features = self._check_vision()
        with torch.inference_mode():
            embedded = self._stage.embeddings(ids, features)
        ledger.exact("ids", f"{where}/sequence_length_with_image", int(embedded.shape[1]))
        self._check_logits(embedded)
        steps = self._greedy(embedded)
        self._check_answer(steps)

    def _check_vision(self) -> Tensor:
        ledger, name = self._ledger, self._name
        planes = self._stage.planes(self._rgb)
        self._tensor("pixels", "pixel_values", planes)
        wide = planes.astype(np.float64)
        total = float(np.abs(wide).sum())
        ledger.near("sums of inputs", f"{self._where}/pixel_sum", float(wide.sum()), total)
        ledger.near("sums of inputs", f"{self._where}/pixel_abs_sum", total, total)
        with torch.inference_mode():
            features = self._stage.network.vision_features(torch.from_numpy(planes))
            rows = self._stage.network.image_rows(features)
        self._tensor("vision features", "vision_features", features.numpy())
        ledger.tensors("projected rows", "dte_fdm", f"{name}.image_embeds", rows.numpy())
        return features

    def _check_logits(self, embedded: Tensor) -> None:
        language = self._stage.network.language
        with torch.inference_mode():
            logits = language.lm_head(self._stage.network.states(embedded)).numpy()
        self._tensor("logits", "logits", logits)
        self._tensor("logits", "logits_last", logits[:, -1])

    def _greedy(self, embedded: Tensor) -> list[Step]:
        wanted = self._ledger.golden.values.get(f"{self._where}/greedy_ids")
        count = len(wanted) - 1 if isinstance(wanted, list) else 1
        options = Decoding(self._stage.tokenizer.end_id, count)
        return list(decode(self._stage.network.language, embedded, options))

    def _check_answer(self, steps: list[Step]) -> None:
        ledger, where, stage = self._ledger, self._where, self._stage
        self._tensor("logits", "first_step_scores", steps[0].logits[None].numpy())
        ids = [stage.tokenizer.start_id, *(step.token for step in steps)]  # the old library put <s> in front
        ledger.exact("greedy tokens", f"{where}/greedy_ids", list[JsonValue](ids))
        ledger.exact("decoded text", f"{where}/greedy_text_cli", stage.text_of_cli(ids))
        ledger.exact("decoded text", f"{where}/greedy_text_test", stage.text(ids))
        ledger.near("logits", f"{where}/greedy_min_top2_margin", min(_margin(step) for step in steps))

    def _tensor(self, group: str, name: str, mine: np.ndarray) -> None:
        self._ledger.tensors(group, "dte_fdm", f"{self._name}.{name}", mine)


def _check_half(ledger: Ledger, files: FakeShieldFiles) -> None:
    """The published float16 path: language model and projector in float16, tower in float32."""
    runs = ledger.golden.section("dte_fdm", "runs")
    wanted = {name: run.get("greedy_ids_float16") for name, run in runs.items()}
    if not any(isinstance(ids, list) for ids in wanted.values()):
        return
    stage = explaining.load_stage(files, Placing(torch.float16))
    for name, ids in wanted.items():
        if isinstance(ids, list):
            prompt, rgb = str(runs[name].get("prompt")), ledger.golden.picture(name)
            options = Decoding(stage.tokenizer.end_id, len(ids) - 1)
            steps = stage.steps(rgb, prompt, options)
            where = f"dte_fdm/runs/{name}/greedy_ids_float16"
            ledger.record("greedy tokens, float16", where, _half_difference(list(steps), ids))


def _half_difference(steps: list[Step], wanted: list[JsonValue]) -> float:
    """Tokens that differ up to the first one that float16 leaves open: after it both answers are right."""
    if len(steps) != len(wanted) - 1:
        return float(abs(len(steps) - len(wanted) + 1))
    for step, token in islice(zip(steps, wanted[1:], strict=True), len(steps)):
        if step.token != token:
            gap = float(step.logits[step.token] - step.logits[token]) if isinstance(token, int) else np.inf
            return 0.0 if gap <= MARGIN_HALF else 1.0
    return 0.0


def _check_training(ledger: Ledger, stage: DteFdmStage) -> None:
    golden, where = ledger.golden, "dte_fdm/training"
    samples = golden.records("dte_fdm", "training", "samples")
    ledger.uses(f"{where}/template")
    system = TEMPLATES[str(golden.values.get(f"{where}/template", "v1"))]
    ledger.exact(
        "adapter targets",
        f"{where}/lora_target_modules",
        list[JsonValue](recipes.linear_names(stage.network)),
    )
    texts: list[LabelledText] = []
    features: list[Tensor] = []
    for number, sample in enumerate(samples):
        record = sample.get("record")
        if not isinstance(record, dict):
            continue
        ledger.uses(f"{where}/samples/{number}/record")
        text = record_conversation(record, system, stage.framed)
        texts.append(labelled(stage.tokenizer, text, stage.max_length or recipes.DTE_FDM.max_length))
        ledger.exact("ids", f"{where}/samples/{number}/input_ids", list[JsonValue](texts[-1].ids))
        ledger.exact("labels", f"{where}/samples/{number}/labels", list[JsonValue](texts[-1].labels))
        if record.get("image"):
            planes = stage.planes(golden.picture(str(record["image"])))
            features.append(stage.network.vision_features(torch.from_numpy(planes)))
        else:
            features.append(stage.blank_features())
    if texts:
        _check_losses(ledger, stage, texts, features)


def _check_losses(
    ledger: Ledger, stage: DteFdmStage, texts: list[LabelledText], features: list[Tensor]
) -> None:
    where = "dte_fdm/training"
    rows = padded([text.ids for text in texts], stage.tokenizer.pad_id)
    ledger.exact("ids", f"{where}/batch_input_ids_shape", [len(rows), len(rows[0])])
    with torch.inference_mode():
        batch = float(detection_loss(stage.network, texts, features, stage.max_length))
        alone = [
            float(detection_loss(stage.network, [text], [feature], stage.max_length))
            for text, feature in zip(texts, features, strict=True)
        ]
    ledger.relative("losses", f"{where}/batch_loss", batch)
    ledger.near("losses", f"{where}/single_losses", np.asarray(alone), max(1e-12, min(map(abs, alone))))


def _margin(step: Step) -> float:
    best = step.logits.topk(2).values
    return float(best[0] - best[1])
