"""The page's border: what goes wrong inside leaves it as one sentence."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import gradio as gr

from fakeshield_core.errors import FakeShieldError, ImageTooLarge, InputError
from ui.cases import UnknownCase
from ui.lane import LaneFull
from ui.state import Asked, PageView, Refusal
from ui.words import say, sentence

log = logging.getLogger(__name__)

Handler = TypeVar("Handler", bound=Callable[..., Any])

HEADS: tuple[tuple[type[FakeShieldError], str], ...] = (
    (LaneFull, "error_busy"),
    (UnknownCase, "error_gone"),
    (ImageTooLarge, "error_large"),
    (InputError, "error_unreadable"),
)


def at_border(handler: Handler) -> Handler:
    """Turns what a handler raises into words; what was not raised on purpose is logged and called unexpected.

    A generator serves the page: its last yield is then a refused view for the `Asked` it was called with, and
    it stays a generator, so Gradio goes on streaming it. A function serves an endpoint: it raises `gr.Error`.
    """
    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def stream(*args: Any) -> Iterator[PageView]:
            try:
                yield from handler(*args)
            except Exception as error:  # the border: nothing else may leave it
                asked = next((arg for arg in args if isinstance(arg, Asked)), Asked(run=""))
                yield PageView(asked.run, asked.name, phase="refused", refusal=refusal_of(error))

        return cast(Handler, stream)

    @functools.wraps(handler)
    def answer(*args: Any) -> Any:
        try:
            return handler(*args)
        except Exception as error:  # the border: nothing else may leave it
            raise gr.Error(refusal_of(error).why, print_exception=False) from error

    return cast(Handler, answer)


def refusal_of(error: Exception) -> Refusal:
    """The error in words; logged with its traceback unless it was raised on purpose."""
    if not isinstance(error, FakeShieldError):
        log.error("unexpected", exc_info=error)
        return Refusal(say("error_head"), say("why_unexpected"))
    head = next((key for kind, key in HEADS if isinstance(error, kind)), "error_head")
    return Refusal(say(head), sentence(str(error)), "gone" if isinstance(error, UnknownCase) else "")
