"""Stage three, the MFLM: picture and the answer in words to masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fakeshield_core.checkpoints.fakeshield import FakeShieldFiles
from fakeshield_core.domain import BoolMask, RgbImage
from fakeshield_core.fakeshield import loading
from fakeshield_core.fakeshield.decoding import Decoding, decode
from fakeshield_core.fakeshield.loading import Placing
from fakeshield_core.fakeshield.pixels import (
    ClipProcessing,
    Planes,
    clip_planes,
    read_clip_processing,
    sam_planes,
    sam_resized,
    sam_size,
)
from fakeshield_core.fakeshield.prompts import (
    PLAIN_MASK_QUESTIONS,
    System,
    full_prompt,
    mask_message,
    mask_text,
    neutral,
    resolved,
)
from fakeshield_core.fakeshield.tokenizer import IMAGE_ID, Era, PiecesTokenizer, read_tokenizer
from fakeshield_core.networks.mflm import Mflm, place_states, seg_places

ERA: Era = "4.28"  # of transformers, that this part was trained with
SEG = "[SEG]"


@dataclass(frozen=True, slots=True)
class MaskPrompt:
    """The switches of the question to the MFLM; defaults: the published batch test, made repeatable."""

    question_index: int | None = 0  # 0..2; None: the answer alone, as the published command line sends it
    system: System = "llava_v1"
    neutralises: bool = True  # control tokens inside the text; the published code lets them act


@dataclass(frozen=True, slots=True)
class MaskAnswer:
    """What the language half of the MFLM gives."""

    ids: tuple[int, ...]  # generated, with the end token
    states: Tensor  # (L, width), last hidden states of prompt and answer
    places: tuple[int, ...]  # into states: the one before each [SEG]


@dataclass(frozen=True, slots=True)
class Localisation:
    """The masks of a picture; a union of none is empty, which `found` tells from a region that is."""

    logits: npt.NDArray[np.float32]  # (n, H, W), n masks of the picture's size
    low_resolution: npt.NDArray[np.float32]  # (n, 1, 256, 256)

    @property
    def found(self) -> bool:
        """Whether the answer pointed at a region at all."""
        return len(self.logits) > 0

    @property
    def union(self) -> npt.NDArray[np.float32]:
        """(H, W): the highest logit of the masks; -inf everywhere without one."""
        return np.asarray(self.logits.max(axis=0, initial=-np.inf), np.float32)

    @property
    def mask(self) -> BoolMask:
        """(H, W), logit > 0 in any mask."""
        return self.union > 0


@dataclass(frozen=True, slots=True)
class MflmStage:
    """The MFLM with its tokenizer and preprocessing."""

    network: Mflm
    tokenizer: PiecesTokenizer
    processing: ClipProcessing
    seg_id: int

    def prompt(self, answer: str | None, options: MaskPrompt | None = None) -> str:
        """The whole prompt for an answer of the DTE-FDM; None: the question of training without one."""
        chosen = options or MaskPrompt()
        asked = PLAIN_MASK_QUESTIONS[0] if answer is None else mask_text(answer, chosen.question_index)
        text = resolved(asked)
        if chosen.neutralises:
            text = neutral(text, self.tokenizer.controls)
        return full_prompt(mask_message(text), chosen.system)

    def clip_planes(self, rgb: RgbImage) -> Planes:
        """CLIP's input (1, 3, 336, 336), without padding: the borders of oblong pictures are lost."""
        return clip_planes(rgb, self.processing)

    def embeddings(self, ids: Sequence[int], features: Tensor) -> Tensor:
        """(1, L, width) of a prompt and the vision features of its picture."""
        return self.network.embed(ids, self.network.image_rows(features)[0], IMAGE_ID)

    def answer(self, rgb: RgbImage, ids: Sequence[int], max_new_tokens: int = 512) -> MaskAnswer:
        """The greedy answer to a prompt's ids, and the states before each [SEG]."""
        with torch.inference_mode():
            features = self.network.vision_features(torch.from_numpy(self.clip_planes(rgb)))
            embedded = self.embeddings(ids, features)
        steps = list(decode(self.network.language, embedded, Decoding(self.tokenizer.end_id, max_new_tokens)))
        generated = tuple(step.token for step in steps)
        places = seg_places([*ids, *generated], self.seg_id, self.network.rows_of_picture)
        return MaskAnswer(generated, torch.cat([step.states for step in steps]), tuple(places))

    def embed(self, rgb: RgbImage) -> Tensor:
        """SAM's embedding (1, C, 64, 64) of a picture."""
        return self.network.sam.embed(torch.from_numpy(sam_planes(sam_resized(rgb))))

    def locate(self, states: Tensor, embedding: Tensor, height: int, width: int) -> Localisation:
        """The masks that states (n, width) stand for, on a picture of this size; n may be 0."""
        if not len(states):
            side = self.network.sam.sizes.image_size // 4
            return self.grown(np.zeros((0, 1, side, side), np.float32), height, width)
        with torch.inference_mode():
            low = self.network.low_resolution(states, embedding)
            full = self.network.sam.full_size(low, sam_size(height, width), (height, width))
        return Localisation(full.cpu().numpy(), low.float().cpu().numpy())

    def grown(self, low: npt.NDArray[np.float32], height: int, width: int) -> Localisation:
        """Masks of the decoder's resolution (n, 1, h, w), on a picture of this size; n may be 0."""
        if not len(low):
            return Localisation(np.zeros((0, height, width), np.float32), low)
        with torch.inference_mode():
            full = self.network.sam.full_size(torch.from_numpy(low), sam_size(height, width), (height, width))
        return Localisation(full.numpy(), low)

    def localise(self, rgb: RgbImage, answer: str | None, options: MaskPrompt | None = None) -> Localisation:
        """From the words about a picture (H, W, 3) to its masks."""
        given = self.answer(rgb, self.tokenizer.encode_with_image(self.prompt(answer, options)))
        states = place_states(given.states, list(given.places))
        return self.locate(states, self.embed(rgb), *rgb.shape[:2])


def load_stage(files: FakeShieldFiles, placing: Placing | None = None) -> MflmStage:
    """The MFLM of a published folder.

    Raises:
        EngineUnavailable: weights or tokenizer are missing, damaged, or do not fit config.json.
    """
    tokenizer = read_tokenizer(files.mflm, ERA)
    for token in ("<im_start>", "<im_end>"):
        tokenizer.single_id(token)
    return MflmStage(
        loading.load_mflm(files, placing),
        tokenizer,
        read_clip_processing(files.clip),
        tokenizer.single_id(SEG),
    )
