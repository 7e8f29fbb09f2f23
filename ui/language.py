"""Which language the page speaks: set around everything that makes words for a visitor, English elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, ParamSpec, TypeVar

from fakeshield_core.domain import Explainer
from fakeshield_core.explain.grounded import LANGUAGES, GroundedExplainer
from fakeshield_core.explain.words import Words

Made = TypeVar("Made")
Given = ParamSpec("Given")

NAMES: Final[Mapping[str, str]] = {"en": "English", "zh": "中文"}  # each in its own words
PLAIN: Final = "en"
EXPLAINERS: Final[Mapping[str, Explainer]] = {code: GroundedExplainer(code) for code in NAMES}

_spoken: ContextVar[str] = ContextVar("spoken", default=PLAIN)


def spoken() -> str:
    """The language of now, BCP 47."""
    return _spoken.get()


def known(code: str | None, otherwise: str) -> str:
    """That language, another where it is none of NAMES; for what a visitor sent."""
    return code if code is not None and code in NAMES else otherwise


def addresses(first: str) -> Mapping[str, str]:
    """Where the page in each language lies, by its code, seen from the root; there it speaks the first."""
    return {code: "./" if code == first else code for code in NAMES}


def words() -> Words:
    """What explanations say in the language of now."""
    return LANGUAGES[spoken()]


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """All words made inside are in that language, one of NAMES."""
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def each_spoken(language: str, made: Iterator[Made]) -> Iterator[Made]:
    """The same things, each made while that language is spoken.

    A generator has no context of its own: every step runs in that of its caller, perhaps in another thread.
    """
    while True:
        with speaking(language):
            try:
                step = next(made)
            except StopIteration:
                return
        yield step


def in_language(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """The same function; whenever it is called, it speaks the language in which it was wrapped."""
    language = spoken()

    @functools.wraps(function)
    def speaks(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        with speaking(language):
            return function(*args, **kwargs)

    return speaks
