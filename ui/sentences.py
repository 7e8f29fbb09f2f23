"""Sentences that reach the page in English from engines, files and the store, in another language.

They are looked up by what they are in English, in `sentences_zh.json`; one that is not listed, or holds words
that are not, is shown as it comes. Explanations are not among them: those are made of numbers.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path

CHINESE = Path(__file__).parent / "sentences_zh.json"  # names and numbers in braces, the same in both
PLACE = re.compile(r"\{(\w+)\}")
QUOTED, NAME, ANY = ("name",), "[^”]+", ".+?"
LONGEST = 600  # characters of a sentence that is looked up
WORDS = ("rest", "what", "advice", "how")  # places that hold words, which are looked up themselves


def translated(text: str) -> str:
    """The sentence in Chinese, with its names and numbers; the same where it is not listed."""
    if len(text) > LONGEST:
        return text
    plain, patterns = _catalogue()
    if text in plain:
        return plain[text]
    for pattern, chinese in patterns:
        if match := pattern.fullmatch(text):
            given = match.groupdict()
            words = {name: translated(value) for name, value in given.items() if name in WORDS}
            if all(word != given[name] or word in plain for name, word in words.items()):
                return chinese.format(**{**given, **words})
    return text


@functools.cache
def _catalogue() -> tuple[Mapping[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    """Sentences without places by their English, then those with, most fixed words first."""
    listed: dict[str, str] = json.loads(CHINESE.read_bytes())
    plain = {english: chinese for english, chinese in listed.items() if not PLACE.search(english)}
    others = sorted(
        listed.keys() - plain.keys(), key=lambda english: len(PLACE.sub("", english)), reverse=True
    )
    return plain, tuple((_pattern(english), listed[english]) for english in others)


def _pattern(english: str) -> re.Pattern[str]:
    fixed = [re.escape(part) for part in PLACE.split(english)[::2]]
    places = [f"(?P<{name}>{NAME if name in QUOTED else ANY})" for name in PLACE.findall(english)]
    return re.compile(
        "".join(part for pair in zip(fixed, [*places, ""], strict=True) for part in pair), re.DOTALL
    )
