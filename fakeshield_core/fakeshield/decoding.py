"""Token by token with a key-value cache: greedy, or sampled as transformers does it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, LlamaForCausalLM, StaticCache


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the next token is chosen and when to stop."""

    end_id: int
    max_new_tokens: int = 512  # answers of the published weights have fewer than 400
    temperature: float = 0.0  # 0: greedy; the published programs sample at 0.2
    top_k: int = 50
    top_p: float | None = None
    seed: int = 0
    static: bool = False  # a cache of fixed size, which `torch.compile` needs


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token."""

    token: int
    logits: Tensor  # (vocabulary), that it was chosen from
    states: Tensor  # (L, width), last hidden states of the positions read for it: the prompt, then one each


@dataclass(frozen=True, slots=True)
class Read:
    """What the language model knows of a sequence so far."""

    states: Tensor  # (n, width), last hidden states of the n positions read last
    cache: Cache  # of all positions


def read(language: LlamaForCausalLM, embeddings: Tensor, cache: Cache | None = None) -> Read:
    """Reads (1, n, width) after what the cache holds, which grows by it; None: from the beginning."""
    known = DynamicCache(config=language.config) if cache is None else cache
    # `torch.compile` replaces the call of the module; only steps have the one length it was compiled for
    run = language.model if embeddings.shape[1] == 1 else language.model.forward
    # entered for each step, not around a loop: a suspended generator must not leave it switched on
    with torch.inference_mode():
        # by place: the name of the fourth argument differs between transformers 5.23 and 5.24
        states = run(None, None, None, known, embeddings, use_cache=True).last_hidden_state
    return Read(states[0], known)


def forked(language: LlamaForCausalLM, cache: Cache, length: int, room: int | None = None) -> Cache:
    """The first `length` positions of a growing cache as a cache of its own; the given one stays as it is.

    Args:
        language: that read them.
        cache: of `read`.
        length: positions to keep.
        room: positions of a cache of fixed size; None: one that grows, and shares memory with the given one.
    """
    copy: Any = (
        DynamicCache(config=language.config)
        if room is None
        else StaticCache(config=language.config, max_cache_len=room)
    )
    layers: Any = cache.layers
    with torch.inference_mode():
        for number, layer in enumerate(layers):
            keys, values = layer.keys[:, :, :length], layer.values[:, :, :length]
            if room is not None:
                copy.update(keys, values, number)
                continue
            copy.layers[number].lazy_initialization(keys, values)  # a growing layer never writes in place
            copy.layers[number].keys, copy.layers[number].values = keys, values
    kept: Cache = copy
    return kept


def decode(language: LlamaForCausalLM, embeddings: Tensor, options: Decoding) -> Iterator[Step]:
    """Generates until the end token, which is the last step, or until `max_new_tokens`.

    Args:
        language: its weights and cache are on one device.
        embeddings: (1, L, width), the prompt.
        options: how to choose.

    Yields:
        Steps; closing the iterator cancels.
    """
    first = read(language, embeddings)
    if options.static:
        length = embeddings.shape[1]
        first = Read(first.states, forked(language, first.cache, length, length + options.max_new_tokens))
    yield from go_on(language, first, options)


def go_on(language: LlamaForCausalLM, known: Read, options: Decoding) -> Iterator[Step]:
    """Generates after what is known, whose cache grows; otherwise as `decode`."""
    random = torch.Generator("cpu").manual_seed(options.seed)
    for left in range(options.max_new_tokens, 0, -1):
        logits = head(language, known.states[-1:])[0]
        token = _chosen(logits, options, random)
        yield Step(token, logits, known.states)
        if token == options.end_id or left == 1:
            return
        known = read(language, token_embeddings(language, [token]), known.cache)


def head(language: LlamaForCausalLM, states: Tensor) -> Tensor:
    """Float32 logits (n, vocabulary) of the tokens after states (n, width)."""
    with torch.inference_mode():
        logits: Tensor = language.lm_head(states).float()
    return logits


def token_embeddings(language: LlamaForCausalLM, ids: list[int]) -> Tensor:
    """(1, n, width)."""
    table: Any = language.get_input_embeddings()
    with torch.inference_mode():
        found: Tensor = table(torch.tensor([ids], device=table.weight.device))
    return found


def _chosen(logits: Tensor, options: Decoding, random: torch.Generator) -> int:
    if options.temperature <= 0:
        return int(logits.argmax())
    kept = warped(logits.cpu(), options)
    return int(torch.multinomial(kept.softmax(dim=-1), 1, generator=random))


def warped(logits: Tensor, options: Decoding) -> Tensor:
    """Logits after temperature, top-k and top-p in this order; what is cut off is -inf.

    Source: transformers 4.37 `TemperatureLogitsWarper`, `TopKLogitsWarper`, `TopPLogitsWarper`.
    """
    scores = logits / options.temperature
    if options.top_k:
        least = scores.topk(min(options.top_k, len(scores))).values[-1]
        scores = scores.masked_fill(scores < least, -torch.inf)
    if options.top_p is not None and options.top_p < 1:
        rising, order = scores.sort()
        dropped = rising.softmax(dim=-1).cumsum(dim=-1) <= 1 - options.top_p
        dropped[-1] = False
        scores = scores.masked_fill(torch.zeros_like(dropped).scatter(0, order, dropped), -torch.inf)
    return scores
