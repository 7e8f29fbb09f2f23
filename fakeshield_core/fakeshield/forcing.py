"""The state before [SEG] from one pass over a given answer, instead of generating one of five sentences.

All of the prompt before the description is the same for every text: it is read while the text is still being
written, and its key-value cache is gone on from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fakeshield_core.domain import RgbImage
from fakeshield_core.fakeshield.decoding import Read, forked, read, token_embeddings
from fakeshield_core.fakeshield.localising import MaskPrompt, MflmStage
from fakeshield_core.fakeshield.prompts import MASK_ANSWERS
from fakeshield_core.fakeshield.tokenizer import IMAGE_ID
from fakeshield_core.networks.mflm import place_states, seg_places

FORCED = MASK_ANSWERS[0]
ANY_TWO = ("A", "1.")  # descriptions that share nothing: their prompts part where any two do


@dataclass(frozen=True, slots=True)
class MaskStart:
    """The constant half of the mask prompt, read."""

    ids: tuple[int, ...]  # with the picture's sentinel
    known: Read


def begin(stage: MflmStage, rgb: RgbImage, options: MaskPrompt | None = None) -> MaskStart:
    """Reads the picture and all of the prompt that comes before the description."""
    first, second = (stage.tokenizer.encode_with_image(stage.prompt(text, options)) for text in ANY_TWO)
    ids = first[: shared(first, second)]
    with torch.inference_mode():
        features = stage.network.vision_features(torch.from_numpy(stage.clip_planes(rgb)))
        embedded = stage.embeddings(ids, features)
    return MaskStart(tuple(ids), read(stage.network.language, embedded))


def forced_states(
    stage: MflmStage, start: MaskStart, answer: str | None, options: MaskPrompt | None = None
) -> Tensor:
    """(1, width), the state before [SEG] of "It is [SEG]." as the answer to the question about a text."""
    prompt = stage.prompt(answer, options)
    return states_before_seg(stage, start, stage.tokenizer.encode_with_image(f"{prompt} {FORCED}"))


def states_before_seg(stage: MflmStage, start: MaskStart, ids: Sequence[int]) -> Tensor:
    """(n, width), the state before each [SEG] of a prompt with its answer.

    Args:
        stage: the MFLM.
        start: of the same picture.
        ids: prompt and answer; what they share with `start.ids` is not read again.
    """
    language, rows = stage.network.language, stage.network.rows_of_picture
    places = seg_places(list(ids), stage.seg_id, rows)
    if not places:
        return start.known.states[:0]
    known = shared(start.ids, ids)
    if IMAGE_ID not in ids[:known]:
        raise ValueError("the prompt does not begin like that of the picture")
    last = len(ids) - 1 - list(reversed(ids)).index(stage.seg_id)
    length, rest = known + rows - 1, list(ids[known:last])
    states = start.known.states[:length]
    if rest:
        more = read(language, token_embeddings(language, rest), forked(language, start.known.cache, length))
        states = torch.cat([states, more.states])
    return place_states(states, places)


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many ids both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
