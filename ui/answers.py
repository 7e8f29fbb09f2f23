"""The border of the programs' interface: an answer is a JSON object, and a refusal is one, too.

A refusal is `{"error": one sentence, "reason": ...}`, never a traceback; the reason says what a client can
do: "gone" (send the picture again), "later" (send the same again), "invalid" (send something else),
"unexpected" (our mistake, logged).
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeAlias

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineError, FakeShieldError, StorageFull, StoreUnavailable
from ui.cases import UnknownCase
from ui.turns import Busy
from ui.words import say, sentence

log = logging.getLogger(__name__)

Answer: TypeAlias = dict[str, JsonValue]
Asked = ParamSpec("Asked")

REASONS: tuple[tuple[type[FakeShieldError], str], ...] = (
    (UnknownCase, "gone"),
    (StorageFull, "later"),
    (StoreUnavailable, "later"),
    (EngineError, "later"),
    (Busy, "later"),
)


def answered(function: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """Turns what a function raises into a refusal; what was not raised on purpose is logged."""

    @functools.wraps(function)
    def answer(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        try:
            return function(*args, **kwargs)
        except FakeShieldError as error:
            reason = next((name for kind, name in REASONS if isinstance(error, kind)), "invalid")
            return {"error": sentence(str(error)), "reason": reason}
        except Exception:  # the border: nothing else may leave it
            log.exception("unexpected")
            return {"error": say("why_unexpected"), "reason": "unexpected"}

    return answer
