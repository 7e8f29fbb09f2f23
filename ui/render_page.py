"""The fixed parts of the page as HTML: head, first words, examples, limits, foot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from fakeshield_core.domain import EngineInfo
from ui.language import NAMES, spoken
from ui.markup import icon, limits_list, told
from ui.rates import Rates
from ui.stored import Example
from ui.words import example_words, rate_words, say, sentence

MARK = (
    '<svg width="22" height="22" viewBox="0 0 22 22" fill="none" stroke="currentColor" stroke-width="1.7" '
    'aria-hidden="true"><path d="M1.5 6V1.5H6M16 1.5h4.5V6M20.5 16v4.5H16M6 20.5H1.5V16"/>'
    '<circle cx="11" cy="11" r="4.2" fill="currentColor" stroke="none"/></svg>'
)


def head(static: Path, addresses: Mapping[str, str]) -> str:
    """The bar on top, with the icons all other parts use.

    Args:
        static: folder of the icons.
        addresses: of the page in each language, by its code.
    """
    here = escape(addresses[spoken()])
    return (
        f'{(static / "icons.svg").read_text()}<a class="skip" href="#main">{told("skip")}</a>'
        f'<header class="head"><div><a class="mark" href="{here}">{MARK}FakeShield</a>'
        f'<nav aria-label="{told("pages")}"><a href="{here}" aria-current="page">{told("analyse")}</a></nav>'
        f'<div class="side">{_tongues(addresses)}<button type="button" class="btn quiet small icon" '
        f'data-theme-switch aria-label="{told("theme")}" title="{told("theme")}">{icon("moon")}</button>'
        "</div></div></header>"
    )


def _tongues(addresses: Mapping[str, str]) -> str:
    """A link to the page in each language but this one, in that language's own name."""
    return "".join(
        f'<a class="btn quiet small" href="{escape(address)}" lang="{code}" hreflang="{code}">'
        f"{escape(NAMES[code])}</a>"
        for code, address in addresses.items()
        if code != spoken()
    )


def intro() -> str:
    """What this is, for a first visit."""
    return f'<div class="intro"><h1>{told("title")}</h1><p class="lead">{told("lead")}</p></div>'


def examples(given: Iterable[Example]) -> str:
    """A button for each example; empty where there are none."""
    buttons = "".join(
        f'<button type="button" class="ex" data-example="{escape(example.card.id)}">'
        f'<img src="{escape(example.address)}" alt="{escape(alt)}" width="960" height="640">'
        f"<span>{escape(title)}</span></button>"
        for example in given
        for title, alt in (example_words(example),)
    )
    if not buttons:
        return ""
    return (
        f'<section class="pick"><div class="sect"><h2>{told("examples")}</h2>'
        f'<span class="cap">{told("stored")}</span></div><div class="examples">{buttons}</div></section>'
    )


def foot() -> str:
    """What happens with a picture, and where the limits are told."""
    return (
        f'<div class="foot"><span class="grow">{icon("lock")}<span>{told("privacy")}</span></span>'
        f'<a href="#limits">{told("limits")}</a></div>'
    )


def limits(engine: EngineInfo | None, rates: Rates | None) -> str:
    """How often the engine is wrong, what it cannot see, and that a result is no proof."""
    columns = (_rates(engine, rates), _cannot_see(engine), _no_proof())
    return (
        f'<section class="limits card" id="limits" tabindex="-1"><h2>{told("limits")}</h2>'
        f'<div class="columns">{"".join(f"<div>{column}</div>" for column in columns)}</div></section>'
    )


def _rates(engine: EngineInfo | None, rates: Rates | None) -> str:
    if rates is None:
        return f"<p>{told('limit_unmeasured' if engine else 'limit_starting')}</p>"
    rows = (
        ("limit_false_alarm", rates.false_alarm),
        ("limit_missed", rates.missed),
        ("limit_inconclusive", rates.inconclusive),
    )
    figures = "".join(
        f'<dt class="num">{escape(rate_words(value))}</dt><dd>{told(key)}</dd>' for key, value in rows
    )
    where = say("limit_measured_on", where=sentence(rates.measured_on))
    return (
        f'<h3>{told("limit_rates")}</h3><dl class="figures">{figures}</dl><p class="cap">{escape(where)}</p>'
    )


def _cannot_see(engine: EngineInfo | None) -> str:
    lines = f"<p>{told('limit_starting')}</p>" if engine is None else limits_list(engine)
    return f"<h3>{told('cannot_see')}</h3>{lines}"


def _no_proof() -> str:
    return f"<h3>{told('no_proof')}</h3><p>{told('no_proof_found')}</p><p>{told('no_proof_none')}</p>"
