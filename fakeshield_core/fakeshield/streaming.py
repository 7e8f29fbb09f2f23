"""Tokens to text in pieces that are worth sending: whole characters, a few tokens or moments at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fakeshield_core.fakeshield.decoding import Step
from fakeshield_core.fakeshield.tokenizer import PiecesTokenizer

UNDECODED = "\ufffd"  # the end of a character whose other bytes are still to come


@dataclass(frozen=True, slots=True)
class Pace:
    """When a piece is sent, and when the text is cut off."""

    tokens: int = 4
    seconds: float = 0.06  # even with fewer tokens
    limit_s: float | None = None  # for the whole text; None: until it ends by itself


class TextStream:
    """An answer as it grows; iterate once, then ask how it ended."""

    def __init__(
        self,
        tokenizer: PiecesTokenizer,
        steps: Iterable[Step],
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.text = ""  # all that has come so far, also what has not been sent yet
        self.cut: Literal["", "tokens", "time"] = "tokens"  # what ended it; "": it had ended by itself
        self._tokenizer, self._steps, self._pace, self._clock = tokenizer, steps, pace or Pace(), clock

    def __iter__(self) -> Iterator[str]:
        """Pieces that make up the text, without blanks at its ends; the first as soon as there is one."""
        began = last = self._clock()
        ids: list[int] = []
        sent, since = "", self._pace.tokens
        for step in self._steps:
            ids.append(step.token)
            self.text = self._tokenizer.decode(ids).lstrip()
            since += 1
            now = self._clock()
            due = since >= self._pace.tokens or now - last >= self._pace.seconds
            if due and self._is_whole(sent):
                yield self.text[len(sent) :]
                sent, since, last = self.text, 0, now
            if step.token == self._tokenizer.end_id:
                self.cut = ""
                break
            if self._pace.limit_s is not None and now - began > self._pace.limit_s:
                self.cut = "time"
                break
        self.text = self.text.rstrip()
        if self.text.startswith(sent) and self.text != sent:
            yield self.text[len(sent) :]

    def _is_whole(self, sent: str) -> bool:
        """Whether what is new can be shown: no half character, no blank that may prove to be the last one."""
        new = self.text.startswith(sent) and self.text != sent
        return new and not self.text.endswith((UNDECODED, " ", "\n"))
