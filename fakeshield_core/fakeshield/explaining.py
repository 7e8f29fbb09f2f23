"""Stage two, the DTE-FDM: picture, tag and question to an answer in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles, read_config
from fakeshield_core.domain import RgbImage
from fakeshield_core.fakeshield import loading
from fakeshield_core.fakeshield.decoding import Decoding, Step, decode
from fakeshield_core.fakeshield.loading import Placing
from fakeshield_core.fakeshield.opening import Draft, Opening, answer_steps, opened
from fakeshield_core.fakeshield.pixels import (
    ClipProcessing,
    Planes,
    clip_planes,
    pad_square,
    read_clip_processing,
)
from fakeshield_core.fakeshield.prompts import (
    ANSWER_OPENING,
    CONTINUATIONS,
    QUESTION,
    System,
    detection_message,
    full_prompt,
    neutral,
)
from fakeshield_core.fakeshield.tokenizer import END, IMAGE_ID, START, Era, PiecesTokenizer, read_tokenizer
from fakeshield_core.networks.llava import Llava

ERA: Era = "4.37"  # of transformers, that this part was trained with


@dataclass(frozen=True, slots=True)
class DetectionPrompt:
    """The switches of the question to the DTE-FDM; the defaults are published."""

    question: str = QUESTION
    with_tag: bool = True
    system: System = "llava_v1"


@dataclass(frozen=True, slots=True)
class DteFdmStage:
    """The DTE-FDM with its tokenizer and preprocessing."""

    network: Llava
    tokenizer: PiecesTokenizer
    processing: ClipProcessing
    pads: bool = True  # to a square, `image_aspect_ratio: pad`
    framed: bool = False  # <im_start>, <im_end> round the picture, `mm_use_im_start_end`
    max_length: int | None = None  # positions, `tokenizer_model_max_length`

    def prompt(self, tag_label: int, options: DetectionPrompt | None = None) -> str:
        """The whole prompt for a picture with this tag."""
        chosen = options or DetectionPrompt()
        question = neutral(chosen.question, self.tokenizer.controls)
        label = tag_label if chosen.with_tag else None
        return full_prompt(detection_message(question, label, self.framed), chosen.system)

    def planes(self, rgb: RgbImage) -> Planes:
        """CLIP's input (1, 3, 336, 336) of a picture (H, W, 3)."""
        ready = pad_square(rgb, self.processing.pad_colour) if self.pads else rgb
        return clip_planes(ready, self.processing)

    def blank_features(self) -> Tensor:
        """Vision features of zeros, which stand in for the picture of a training record that has none."""
        return self.network.vision_features(torch.zeros((1, 3, *self.processing.crop_hw)))

    def embeddings(self, ids: Sequence[int], features: Tensor) -> Tensor:
        """(1, L, width) of a prompt and the vision features (1, rows, vision width) of its picture."""
        rows = self.network.image_rows(features)[0]
        return self.network.embed(ids, rows, IMAGE_ID, self.max_length)

    def steps(self, rgb: RgbImage, prompt: str, decoding: Decoding | None = None) -> Iterator[Step]:
        """The answer token by token; `decoding` None: greedy, at most 512 tokens."""
        with torch.inference_mode():
            features = self.network.vision_features(torch.from_numpy(self.planes(rgb)))
            embedded = self.embeddings(self.tokenizer.encode_with_image(prompt), features)
        yield from decode(self.network.language, embedded, decoding or Decoding(self.tokenizer.end_id))

    def draft(self, prompt: str) -> Draft:
        """The constant beginning of the answer to a prompt, as ids."""
        encode = self.tokenizer.encode_with_image
        asked, opening = encode(prompt), encode(f"{prompt} {ANSWER_OPENING}")
        ways = [encode(f"{prompt} {ANSWER_OPENING} {words}") for words in CONTINUATIONS]
        return Draft(tuple(opening[len(asked) :]), *(way[len(opening)] for way in ways))

    def open(self, rgb: RgbImage, prompt: str) -> Opening:
        """Reads picture, prompt and the constant beginning of the answer: a verdict before the first word."""
        with torch.inference_mode():
            features = self.network.vision_features(torch.from_numpy(self.planes(rgb)))
            embedded = self.embeddings(self.tokenizer.encode_with_image(prompt), features)
        return opened(self.network.language, embedded, self.draft(prompt), self.max_length)

    def steps_after(self, opening: Opening, decoding: Decoding) -> Iterator[Step]:
        """The answer token by token, as `steps` gives it."""
        return answer_steps(self.network.language, opening, decoding)

    def text(self, ids: Sequence[int]) -> str:
        """The answer of generated ids, by the rule of the published batch test."""
        return self.tokenizer.decode(ids).strip()

    def text_of_cli(self, ids: Sequence[int]) -> str:
        """The same by the rule of the published command line."""
        text = self.tokenizer.decode(ids, keep_special=True).strip()
        return text.replace(START, "").replace(END, "")


def load_stage(files: FakeShieldFiles, placing: Placing | None = None) -> DteFdmStage:
    """The DTE-FDM of a published folder.

    Raises:
        EngineUnavailable: weights or tokenizer are missing, damaged, or do not fit config.json.
    """
    config = read_config(files.dte_fdm)
    limit = config.get("tokenizer_model_max_length")
    return DteFdmStage(
        loading.load_dte_fdm(files, placing),
        read_tokenizer(files.dte_fdm, ERA),
        read_clip_processing(files.clip),
        pads=config.get("image_aspect_ratio") == "pad",
        framed=bool(config.get("mm_use_im_start_end", False)),
        max_length=limit if isinstance(limit, int) else None,
    )
