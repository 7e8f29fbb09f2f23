"""Pieces of HTML and of sentences that several parts of the page share."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fakeshield_core.domain import EngineInfo, Explanation, PictureFacts
from fakeshield_core.explain.note import percent_digits
from ui.language import PLAIN, spoken
from ui.words import SPACE, bytes_words, say, sentence


def told(key: str, **values: object) -> str:
    """The words of that key as HTML."""
    return escape(say(key, **values))


def icon(name: str, small: bool = True) -> str:
    """An icon of the sprite in `head`."""
    return f'<svg class="i{" s" if small else ""}" aria-hidden="true"><use href="#i-{name}"/></svg>'


def list_of(lines: Iterable[str], mark: str, extra: str = "") -> str:
    """A list of plain lines, each behind the icon `mark`."""
    items = "".join(f"<li>{icon(mark)}<span>{escape(line)}</span></li>" for line in lines)
    return f'<ul class="list {extra}">{items}</ul>'


def limits_list(engine: EngineInfo | None) -> str:
    """What an engine cannot see, or that it does not say."""
    given = map(sentence, engine.limits) if engine else ()
    return list_of(tuple(given) or (say("cannot_see_unknown"),), "minus")


def unbroken(text: str) -> str:
    """The text with its numbers kept beside their signs."""
    return text.replace(" %", f"{SPACE}%").replace(" ×", f"{SPACE}×")


def percent(fraction: float) -> str:
    """A share of the picture: "2.5 %", unbreakable; in Chinese without the space."""
    return f"{percent_digits(fraction)}{SPACE if spoken() == PLAIN else ''}%"


def facts_words(facts: PictureFacts) -> str:
    """Size and kind of a file: "960 × 640 · JPEG · 91 kB"."""
    return f"{facts.width} × {facts.height} · {facts.format} · {bytes_words(facts.bytes)}"


def tongue(explanation: Explanation | None) -> str:
    """The `lang` attribute of an explanation that is not in the page's language, else nothing."""
    if explanation is None or explanation.language == spoken():
        return ""
    return f' lang="{escape(explanation.language)}"'
