"""Conversations to ids and labels: only the answers of the assistant are learnt."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import InputError
from fakeshield_core.fakeshield.prompts import ASSISTANT, FRAMED_IMAGE, System, conversation
from fakeshield_core.fakeshield.tokenizer import END, IMAGE_TOKEN, PiecesTokenizer
from fakeshield_core.networks.llava import IGNORED

ANSWER_SIGN = ASSISTANT + " "
EXTRA = 2  # the published masking takes this off the instruction: its BOS and the blank before the answer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One training text."""

    ids: tuple[int, ...]  # the picture as one sentinel
    labels: tuple[int, ...]  # the same length, -100 where nothing is learnt


def labelled(tokenizer: PiecesTokenizer, text: str, max_length: int, reserved: int = 0) -> LabelledText:
    """Ids and labels of a conversation by the published masking.

    Where the lengths of the rounds do not add up to the whole, every label is -100 and a warning is logged.

    Args:
        tokenizer: of the part that is trained.
        text: `prompts.conversation`.
        max_length: tokens; texts beyond are cut, and their lengths are not checked.
        reserved: taken off the length at which a text is cut, for the rows of the picture.

    Source: LLaVA `train.py` `preprocess_v1`; GLaMM `dataset.py` `custom_collate_fn`.
    """
    count = tokenizer.encode_with_image if IMAGE_TOKEN in text else tokenizer.encode
    ids = count(text)
    labels = list(ids)
    total = sum(number != tokenizer.pad_id for number in ids)
    done = 1
    labels[:done] = [IGNORED] * done
    for number, piece in enumerate(text.split(END)):
        parts = piece.split(ANSWER_SIGN)
        if not piece or len(parts) != 2:
            break
        less = 1 if number and not tokenizer.legacy else 0
        instruction = len(count(parts[0] + ANSWER_SIGN)) - EXTRA - less
        labels[done : done + instruction] = [IGNORED] * len(labels[done : done + instruction])
        done += len(count(piece)) - less
    labels[done:] = [IGNORED] * len(labels[done:])
    if done < max_length and done != total:
        log.warning("a training text of %d tokens is left out: its rounds have %d", total, done)
        labels = [IGNORED] * len(ids)
    cut = max_length - reserved
    return LabelledText(tuple(ids[:cut]), tuple(labels[:cut]))


def record_conversation(record: Mapping[str, JsonValue], system: System, framed: bool = False) -> str:
    """The training text of an MMTD-Set record.

    `<image>` is moved to the front of the turn that holds it, followed by a line break.

    Args:
        record: `{"image": ..., "conversations": [{"from": "human" | "gpt", "value": ...}, ...]}`.
        system: text at the start.
        framed: puts `<im_start>`, `<im_end>` round the picture.

    Raises:
        InputError: turns are missing or do not take turns.
    """
    turns = _turns(record)
    messages = [_fronted(value, framed) for _, value in turns]
    return conversation(zip(messages[::2], messages[1::2], strict=True), system)


def padded(rows: Sequence[Sequence[int]], filler: int) -> list[list[int]]:
    """Rows of equal length, filled at the right."""
    longest = max(len(row) for row in rows)
    return [[*row, *([filler] * (longest - len(row)))] for row in rows]


def _turns(record: Mapping[str, JsonValue]) -> list[tuple[str, str]]:
    given = record.get("conversations")
    name = record.get("image", record.get("id", "without a name"))
    if not isinstance(given, list):
        raise InputError(f"The record {name} has no conversations; see the MMTD-Set format.")
    turns = [(str(t.get("from")), str(t.get("value"))) for t in given if isinstance(t, dict)]
    if turns and turns[0][0] != "human":
        turns = turns[1:]
    speakers = [speaker for speaker, _ in turns]
    if not turns or speakers != ["human", "gpt"] * (len(turns) // 2):
        raise InputError(f"The turns of the record {name} must go human, gpt, human, gpt; correct the file.")
    return turns


def _fronted(value: str, framed: bool) -> str:
    if IMAGE_TOKEN not in value:
        return value
    rest = value.replace(IMAGE_TOKEN, "").strip()
    return f"{IMAGE_TOKEN}\n{rest}".strip().replace(IMAGE_TOKEN, FRAMED_IMAGE if framed else IMAGE_TOKEN)
