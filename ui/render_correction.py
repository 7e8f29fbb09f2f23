"""The rail while a result is judged, corrected and saved, as HTML. Drawn once; the canvas fills it in."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import get_args

from feedback.records import HowKnown
from ui.markup import icon, told
from ui.words import say

VERDICTS = ("tampered", "no_tampering_found", "inconclusive")  # that a person can give
CONSENTS = ("store", "train", "publish")
STARS = range(1, 6)


def turn() -> str:
    """Is this right? One dark button; which one depends on the verdict."""
    others = (("right", "right", ""), ("false", "false_alarm", "if-found"), ("missed", "missed", "if-found"))
    buttons = "".join(_start(*other) for other in others)
    return (
        f'<section class="turn card"><h2>{told("turn")}</h2>{_start("fix", "fix", "primary wide if-found")}'
        f'{_start("missed", "mark", "primary wide if-none")}<div class="three">{buttons}</div>'
        '<div class="after" role="status"><p class="cap turn-note" hidden></p>'
        f'<p class="row take-back" hidden><span class="grow">{told("discarded")}</span> '
        f'<button type="button" class="btn small">{told("take_back")}</button></p>'
        '<ul class="cap late"></ul></div></section>'
    )


def panel() -> str:
    """Your correction: a form whose fields bear the names that are sent."""
    return (
        f'<form class="fix card" aria-labelledby="yours" novalidate><div class="sect"><h1 id="yours">'
        f'{told("yours")}</h1><span class="cap kept">{told("autosaved")}</span></div>'
        f"{_verdict()}{_mask()}{_claims()}{_rewrite()}{_how()}{_consent()}{_savebar()}</form>"
    )


def receipt() -> str:
    """What was saved, under which code, and how to follow or delete it."""
    trail = (("saved", "done"), ("review", "now"), ("release", ""), ("adapter", ""))
    steps = "".join(
        f'<li class="{state}"><span class="node"></span><span>{told(f"trail_{name}")}</span>'
        f'<span class="cap num at"></span></li>'
        for name, state in trail
    )
    facts = ("mask", "rated", "overall", "know", "may")
    rows = "".join(f'<dt>{told(f"got_{name}")}</dt><dd class="got-{name}"></dd>' for name in facts)
    return (
        f'<section class="receipt card" tabindex="-1"><div role="status"><h1 class="row">'
        f"{icon('check', False)}<span>{told('saved')}</span></h1><p>{told('saved_sub')}</p></div>"
        f'<div class="code"><b></b><span class="cap copied" role="status"></span>'
        f"{_icon_button('copy', 'copy_code', 'copy')}</div>"
        f'<ol class="trail">{steps}</ol><dl class="facts">{rows}</dl>'
        f'<div class="ways-on"><button type="button" class="btn primary again">{icon("up")}'
        f"<span>{told('new')}</span></button>"
        f'<div class="row"><button type="button" class="btn grow redo">{told("correct_again")}</button>'
        f'<a class="btn quiet grow follow" target="_blank" rel="noopener">{told("follow_it")}</a>'
        "</div></div></section>"
    )


def resume() -> str:
    """The offer to go on with a draft; shown where there is one."""
    return (
        f'<section class="resume card" hidden aria-labelledby="resume"><div class="grow"><h2 id="resume">'
        f'{told("resume")}</h2><p class="cap line" role="status"></p></div><button type="button" '
        f'class="btn quiet forget">{told("resume_forget")}</button><button type="button" '
        f'class="btn primary go">{told("resume_go")}</button></section>'
    )


def thumb() -> str:
    """The main actions at the bottom of a small screen."""
    judging = "".join(
        _start(how, key, f"grow if-judging {kind}")
        for how, key, kind in (
            ("false", "false_alarm", "if-found"),
            ("fix", "fix", "if-found primary"),
            ("right", "right", "if-none"),
            ("missed", "mark", "if-none primary"),
        )
    )
    deciding = "".join(
        f'<button type="button" class="btn {css} if-fixing" data-do="{do}" disabled>{told(key)}</button>'
        for do, key, css in (("drop", "drop_it", ""), ("keep", "keep", "grow"))
    )
    return (
        f'<div class="thumb" role="group" aria-label="{told("turn")}">{judging}{deciding}'
        f'<button type="button" class="btn primary grow if-fixing save">{told("save_correction")}</button>'
        "</div>"
    )


def _start(how: str, key: str, css: str = "") -> str:
    return f'<button type="button" class="btn {css}" data-fix="{how}">{told(key)}</button>'


def _icon_button(css: str, key: str, picture: str) -> str:
    return (
        f'<button type="button" class="btn quiet small icon {css}" aria-label="{told(key)}" '
        f'title="{told(key)}">{icon(picture, False)}</button>'
    )


def _radio(name: str, value: object, words: str) -> str:
    return (
        f'<label><input type="radio" name="{name}" value="{escape(str(value))}"><span>{escape(words)}</span>'
        "</label>"
    )


def _verdict() -> str:
    choices = "".join(_radio("verdict", value, say(f"verdict_{value}")) for value in VERDICTS)
    head = told("your_verdict")
    return f'<fieldset class="line"><legend>{head}</legend><div class="seg">{choices}</div></fieldset>'


def _mask() -> str:
    figures = "".join(f'<span class="num {css}"></span>' for css in ("cap of-engine", "of-you", "of-offer"))
    quiet = "".join(
        f'<button type="button" class="btn quiet small {css}">{told(css)}</button>'
        for css in ("revert", "clear")
    )
    return (
        f'<div class="mask-line"><div class="line bare"><h3>{told("mask_line")}</h3>'
        f'<span class="row shares">{figures}</span></div><div class="row"><button type="button" '
        f'class="btn small explain">{icon("ruler")}<span>{told("explain")}</span></button>{quiet}</div>'
        '<div class="told" role="status" hidden><h3></h3><p></p></div></div>'
    )


def _claims() -> str:
    stars = "".join(_radio("overall", number, str(number)) for number in STARS)
    low, high = (f'<span class="cap">{told(f"overall_{end}")}</span>' for end in ("low", "high"))
    return (
        f'<div class="reasons"><div class="sect"><h3>{told("claims_right")}</h3>'
        f'<span class="cap num rated"></span></div><ol class="claims"></ol><fieldset class="overall">'
        f'<legend>{told("overall")}</legend>{low}<div class="seg">{stars}</div>{high}</fieldset></div>'
    )


def _unfolds(css: str, head: str, chosen: str, body: str) -> str:
    return (
        f'<details class="{css}"><summary class="line"><h3>{told(head)}</h3><span class="row">'
        f"<span class='chosen'>{told(chosen)}</span>{icon('chevd')}</span></summary>{body}</details>"
    )


def _rewrite() -> str:
    area = (
        f'<textarea name="words" rows="4" maxlength="4000" aria-label="{told("rewrite_hint")}" '
        f'placeholder="{told("rewrite_hint")}"></textarea>'
    )
    return _unfolds("words", "rewrite", "rewrite_none", area)


def _options(role: str, name: str, labels: Iterable[str]) -> str:
    return f'<div class="opts" role="{role}" aria-label="{told(name)}">{"".join(labels)}</div>'


def _how() -> str:
    ways = (_radio("how", value, say(f"know_{value}")) for value in get_args(HowKnown))
    return _unfolds("how", "know", "know_none", _options("radiogroup", "know", ways))


def _consent() -> str:
    ticks = (
        f'<label><input type="checkbox" name="{name}"><span>{told(f"consent_{name}")}</span></label>'
        for name in CONSENTS
    )
    options = f'{_options("group", "consent", ticks)}<p class="cap">{told("consent_name")}</p>'
    return _unfolds("consent", "consent", "consent_none", options)


def _savebar() -> str:
    return (
        f'<div class="savebar"><p class="cap what-is-kept">{told("ratings_only")}</p>'
        f'<p class="problem" role="alert" hidden><span></span> <button type="button" class="btn small now" '
        f'hidden>{told("try_now")}</button></p><div class="row"><button type="submit" '
        f'class="btn primary grow save desk">{told("save_ratings")}</button><button type="button" '
        f'class="btn quiet discard">{told("discard")}</button></div></div>'
    )
