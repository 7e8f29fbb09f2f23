"""Token by token with a key-value cache: greedy, or sampled as transformers does it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, LlamaForCausalLM


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the next token is chosen and when to stop."""

    end_id: int
    max_new_tokens: int = 512  # answers of the published weights have fewer than 400
    temperature: float = 0.0  # 0: greedy; the published programs sample at 0.2
    top_k: int = 50
    top_p: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token."""

    token: int
    logits: Tensor  # (vocabulary), that it was chosen from
    states: Tensor  # (L, width), last hidden states of the positions read for it: the prompt, then one each


def decode(language: LlamaForCausalLM, embeddings: Tensor, options: Decoding) -> Iterator[Step]:
    """Generates until the end token, which is the last step, or until `max_new_tokens`.

    Args:
        language: its weights and cache are on one device.
        embeddings: (1, L, width), the prompt.
        options: how to choose.

    Yields:
        Steps; closing the iterator cancels.
    """
    cache = DynamicCache(config=language.config)
    random = torch.Generator("cpu").manual_seed(options.seed)
    given = embeddings
    for _ in range(options.max_new_tokens):
        # entered for each step, not around the loop: a suspended generator must not leave it switched on
        with torch.inference_mode():
            # by place: the name of the fourth argument differs between transformers 5.23 and 5.24
            states = language.model(None, None, None, cache, given, use_cache=True).last_hidden_state
            logits = language.lm_head(states[:, -1])[0].float()
            token = _chosen(logits, options, random)
            given = language.get_input_embeddings()(torch.tensor([[token]], device=logits.device))
        yield Step(token, logits, states[0])
        if token == options.end_id:
            return


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
