"""The MFLM's part of a golden: prompts, both inputs, states, [SEG], masks, training."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles
from fakeshield_core.conform.ledger import Ledger
from fakeshield_core.domain import JsonValue, RgbImage
from fakeshield_core.fakeshield import localising, recipes
from fakeshield_core.fakeshield.labels import labelled, padded
from fakeshield_core.fakeshield.localising import Localisation, MaskAnswer, MaskPrompt, MflmStage
from fakeshield_core.fakeshield.losses import MaskSample, MaskWeights, localisation_losses
from fakeshield_core.fakeshield.pixels import Planes, read_grey, sam_planes, sam_resized
from fakeshield_core.fakeshield.prompts import (
    ASSISTANT,
    MASK_QUESTIONS,
    OVERVIEW,
    SYSTEMS,
    USER,
    System,
    conversation,
    mask_text,
)
from fakeshield_core.networks.mflm import place_states

TOKENS = "mflm/token_ids/"
NEW_TOKENS = 64  # room beyond the golden's answer, so that one that does not stop is noticed


class MflmCheck:
    """Compares everything below `mflm`."""

    def __init__(self, ledger: Ledger, files: FakeShieldFiles) -> None:
        self._ledger = ledger
        self._stage = localising.load_stage(files)
        self._embeddings: dict[str, Tensor] = {}  # SAM's, by picture: a second each

    def check(self) -> None:
        """All values."""
        ledger, tokenizer = self._ledger, self._stage.tokenizer
        ledger.uses("mflm/versions", "mflm/note")
        ledger.exact("prompts", "mflm/questions", list[JsonValue](MASK_QUESTIONS))
        for path in ledger.golden.values:
            if path.startswith(TOKENS):
                ledger.exact("ids", path, tokenizer.added.get(path.removeprefix(TOKENS)))
        for name in ledger.golden.section("mflm", "runs"):
            _Run(ledger, self._stage, name, self._embedding(name)).check()
        self._check_training()

    def _embedding(self, name: str) -> Tensor:
        if name not in self._embeddings:
            rgb = self._ledger.golden.picture(name, upright=True)
            self._embeddings[name] = self._stage.embed(rgb)
        return self._embeddings[name]

    def _check_training(self) -> None:
        ledger, where = self._ledger, "mflm/training"
        targets = recipes.target_modules(self._stage.network, recipes.MFLM)
        published = [name.removeprefix("language.") for name in targets]
        ledger.exact("adapter targets", f"{where}/lora_target_modules", list[JsonValue](published))
        records = ledger.golden.records("mflm", "training", "samples")
        samples = [self._sample(number, record) for number, record in enumerate(records)]
        if not samples:
            return
        ids = padded([s.text.ids for s in samples], self._stage.tokenizer.pad_id)
        labels = padded([s.text.labels for s in samples], -100)
        for number, (row, label) in enumerate(zip(ids, labels, strict=True)):
            ledger.exact("ids", f"{where}/samples/{number}/input_ids_padded", list[JsonValue](row))
            ledger.exact("labels", f"{where}/samples/{number}/labels_padded", list[JsonValue](label))
        self._check_losses(samples)

    def _sample(self, number: int, record: dict[str, JsonValue] | object) -> MaskSample:
        golden, stage, where = self._ledger.golden, self._stage, f"mflm/training/samples/{number}"
        values = {key: str(golden.values.get(f"{where}/{key}")) for key in ("image", "gt_mask", "answer")}
        text = str(golden.values.get(f"{where}/conversation"))
        self._ledger.uses(*(f"{where}/{key}" for key in values), f"file:mflm/{values['gt_mask']}")
        self._ledger.exact("prompts", f"{where}/conversation", _rebuilt(text, values["answer"]))
        rgb = golden.picture(values["image"], upright=True)
        grey = read_grey(golden.folder / "expected" / "mflm" / values["gt_mask"])
        return MaskSample(
            labelled(stage.tokenizer, text, recipes.MFLM.max_length, stage.network.rows_of_picture - 1),
            stage.network.vision_features(torch.from_numpy(stage.clip_planes(rgb))),
            self._embedding(values["image"]),
            torch.from_numpy((grey == 255).astype(np.float32))[None],
        )

    def _check_losses(self, samples: list[MaskSample]) -> None:
        ledger, where = self._ledger, "mflm/training"
        given = {k: ledger.golden.values.get(f"{where}/weights/{k}") for k in ("ce", "bce", "dice")}
        weights = MaskWeights(**{k: float(str(v)) for k, v in given.items() if v is not None})
        ledger.uses(f"{where}/weights")
        with torch.inference_mode():
            losses = localisation_losses(self._stage.network, samples, self._stage.seg_id, weights)
        ledger.relative("losses", f"{where}/losses/loss", float(losses.total))
        ledger.relative("losses", f"{where}/losses/ce_loss", float(losses.ce))
        ledger.relative("losses", f"{where}/losses/mask_bce_loss", float(losses.bce))
        ledger.relative("losses", f"{where}/losses/mask_dice_loss", float(losses.dice))
        ledger.relative("losses", f"{where}/losses/mask_loss", float(losses.bce + losses.dice))


class _Run:
    """One picture and its description through the MFLM."""

    def __init__(self, ledger: Ledger, stage: MflmStage, name: str, embedding: Tensor) -> None:
        self._ledger, self._stage, self._name, self._embedding = ledger, stage, name, embedding
        self._where = f"mflm/runs/{name}"
        self._rgb = ledger.golden.picture(name, upright=True)

    def check(self) -> None:
        """All values of the run."""
        ids = self._check_prompt()
        self._check_inputs(self._rgb)
        answer = self._stage.answer(self._rgb, ids, self._new_tokens())
        self._check_answer(ids, answer)
        states = place_states(answer.states, list(answer.places))
        with torch.inference_mode():
            projected = self._stage.network.seg_head(states)
        self._tensor("states before [SEG]", "seg_hidden", states.numpy())
        self._tensor("states before [SEG]", "seg_embedding", projected.numpy())
        self._check_masks(self._stage.locate(states, self._embedding, *self._rgb.shape[:2]))

    def _check_prompt(self) -> list[int]:
        ledger, where = self._ledger, self._where
        answer = str(ledger.golden.values.get(f"{where}/answer"))
        index = ledger.golden.values.get(f"{where}/question_index", 0)
        ledger.uses(f"{where}/answer", f"{where}/question_index")
        chosen = index if isinstance(index, int) else None
        prompt = self._stage.prompt(answer, MaskPrompt(chosen, neutralises=False))
        ids = self._stage.tokenizer.encode_with_image(prompt)
        ledger.exact("prompts", f"{where}/input_text", mask_text(answer, chosen))
        ledger.exact("prompts", f"{where}/prompt", prompt)
        ledger.exact("ids", f"{where}/input_ids", list[JsonValue](ids))
        return ids

    def _check_inputs(self, rgb: RgbImage) -> None:
        ledger, where = self._ledger, self._where
        resized = sam_resized(rgb)
        planes, clip = sam_planes(resized), self._stage.clip_planes(rgb)
        ledger.exact("sizes and digests", f"{where}/original_size_hw", list(rgb.shape[:2]))
        ledger.exact("sizes and digests", f"{where}/resized_hw", list(resized.shape[:2]))
        ledger.exact("sizes and digests", f"{where}/resized_uint8_sha256", _digest(resized))
        ledger.exact("sizes and digests", f"{where}/sam_input_sha256", _digest(planes))
        self._sums("sam_input", planes)
        self._sums("clip_pixel", clip)
        self._tensor("pixels", "sam_input", planes)
        self._tensor("pixels", "clip_pixel_values", clip)
        self._tensor("SAM image embedding", "image_embedding", self._embedding.numpy())

    def _check_answer(self, ids: list[int], answer: MaskAnswer) -> None:
        ledger, where = self._ledger, self._where
        ledger.exact("greedy tokens", f"{where}/generated_ids", list[JsonValue](answer.ids))
        ledger.exact("greedy tokens", f"{where}/seg_positions_expanded", list[JsonValue](answer.places))
        self._tensor("hidden states", "last_hidden", answer.states[None].numpy())
        text = self._stage.tokenizer.decode([*ids, *answer.ids], keep_special=True)
        ledger.exact("decoded text", f"{where}/decoded", text)
        one = len(answer.places) == 1  # with none or several masks the published program stops
        shown = text.replace("\n", "").replace("  ", " ").split("ASSISTANT: ")[-1] if one else None
        ledger.exact("decoded text", f"{where}/published_text_output", shown)
        crash = str(ledger.golden.values.get(f"{where}/published_crash") or "an error")
        ledger.exact("decoded text", f"{where}/published_crash", None if one else crash)
        self._check_plan(answer)

    def _check_plan(self, answer: MaskAnswer) -> None:
        """The golden's weights were made so that [SEG] and the end come at planned steps."""
        path = f"{self._where}/forced_plan"
        plan = self._ledger.golden.values.get(path)
        end = self._stage.tokenizer.end_id
        segs = [number for number, token in enumerate(answer.ids) if token == self._stage.seg_id]
        stop = answer.ids.index(end) if end in answer.ids else None
        if plan is not None:
            self._ledger.exact("greedy tokens", path, [list[JsonValue](segs), stop])

    def _check_masks(self, found: Localisation) -> None:
        ledger, where = self._ledger, self._where
        self._tensor("mask logits", "low_res_logits", found.low_resolution)
        self._tensor("mask logits", "mask_logits", found.logits)
        shares = np.asarray([float((one > 0).mean()) for one in found.logits])
        ledger.near("share of mask pixels that differ", f"{where}/mask_fraction_per_seg", shares)
        file = ledger.golden.values.get(f"{where}/mask_file")
        named = str(file or "a mask")
        ledger.exact("sizes and digests", f"{where}/mask_file", named if found.found else None)
        if isinstance(file, str):
            stored = read_grey(ledger.golden.folder / "expected" / "mflm" / file)
            same = stored.shape == found.mask.shape
            differ = float(((stored > 127) != found.mask).mean()) if same else np.inf
            ledger.record("share of mask pixels that differ", f"file:mflm/{file}", differ)

    def _new_tokens(self) -> int:
        """As many as the golden has; some more where it ends with the end token."""
        wanted = self._ledger.golden.values.get(f"{self._where}/generated_ids")
        if not isinstance(wanted, list) or not wanted or wanted[-1] == self._stage.tokenizer.end_id:
            return NEW_TOKENS
        return len(wanted)

    def _sums(self, name: str, planes: Planes) -> None:
        wide = planes.astype(np.float64)
        total = float(np.abs(wide).sum())
        self._ledger.near("sums of inputs", f"{self._where}/{name}_sum", float(wide.sum()), total)
        self._ledger.near("sums of inputs", f"{self._where}/{name}_abs_sum", total, total)

    def _tensor(self, group: str, name: str, mine: np.ndarray) -> None:
        self._ledger.tensors(group, "mflm", f"{self._name}.{name}", mine)


def _rebuilt(text: str, answer: str) -> str:
    """The conversation put together again from its message and the answer."""
    message = text.partition(USER)[2].partition(ASSISTANT)[0]
    inside = OVERVIEW + message.removeprefix(OVERVIEW)
    used: System = "vicuna_v1" if text.startswith(SYSTEMS["vicuna_v1"]) else "llava_v1"
    return conversation([(inside, answer)], used)


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
