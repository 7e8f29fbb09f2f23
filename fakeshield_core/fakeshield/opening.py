"""The verdict before the first word: prompt and constant beginning of the answer, read in one pass.

The beginning is a guess at what greedy decoding would say. Its positions show where decoding would have said
something else, so that the tokens up to there need no step of their own, and the text stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from fakeshield_core.fakeshield.decoding import (
    Decoding,
    Read,
    Step,
    forked,
    go_on,
    head,
    read,
    token_embeddings,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The constant beginning, and the two ways it goes on."""

    ids: tuple[int, ...]
    tampered_id: int  # first token of "been tampered with"
    untouched_id: int  # first token of "not been tampered with"


@dataclass(frozen=True, slots=True)
class Opening:
    """A prompt that was read together with the beginning of its answer."""

    known: Read  # states of all positions
    prompt: int  # positions of the prompt
    draft: tuple[int, ...]  # empty where the sequence had no room for it
    score: float | None  # 0..1, share of "tampered" in the two continuations; None without a draft


def opened(language: LlamaForCausalLM, embeddings: Tensor, draft: Draft, limit: int | None = None) -> Opening:
    """Reads a prompt (1, L, width) and the draft after it; `limit` positions are the longest sequence."""
    length = int(embeddings.shape[1])
    if limit is not None and length + len(draft.ids) > limit:
        return Opening(read(language, embeddings), length, (), None)
    known = read(language, torch.cat([embeddings, token_embeddings(language, list(draft.ids))], dim=1))
    pair = head(language, known.states[-1:])[0, [draft.tampered_id, draft.untouched_id]]
    return Opening(known, length, draft.ids, float(pair.double().softmax(dim=0)[0]))


def answer_steps(language: LlamaForCausalLM, opening: Opening, options: Decoding) -> Iterator[Step]:
    """The steps of `decode`, without a pass for those that the draft foretold."""
    states, start = opening.known.states, opening.prompt
    foretold = list(_foretold(language, opening, options))
    yield from foretold
    left = options.max_new_tokens - len(foretold)
    if left <= 0 or (foretold and foretold[-1].token == options.end_id):
        return
    end = start + len(foretold)
    room = end + left if options.static else None
    begin = end - 1 if foretold else 0  # without any the first step shows the states of the whole prompt
    known = Read(states[begin:end], forked(language, opening.known.cache, end, room))
    del opening, states, foretold  # 0.8 MB a position in the full-size model
    yield from go_on(language, known, replace(options, max_new_tokens=left))


def _foretold(language: LlamaForCausalLM, opening: Opening, options: Decoding) -> Iterator[Step]:
    """Steps of the draft that greedy decoding agrees with; sampling draws each token itself."""
    if options.temperature > 0 or not opening.draft:
        return
    states, start = opening.known.states, opening.prompt
    logits = head(language, states[start - 1 : start - 1 + len(opening.draft)])
    chosen: Sequence[int] = logits.argmax(dim=-1).tolist()
    for number, (mine, token) in enumerate(zip(chosen, opening.draft, strict=True)):
        if mine != token or number >= options.max_new_tokens:
            return
        end = start + number
        yield Step(token, logits[number], states[end - 1 if number else 0 : end])
        if token == options.end_id:
            return
