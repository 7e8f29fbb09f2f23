"""Views to HTML: the verdict, and what is known about the result. Every text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fakeshield_core.domain import VerdictReady
from ui.language import words
from ui.markup import facts_words, icon, list_of, percent, told, unbroken
from ui.rates import Rates
from ui.render_reasons import disagreement
from ui.state import PageView
from ui.words import decimal_words, part_words, rate_words, say, seconds_words, sentence

TONES = {  # colour and icon of a verdict; one we do not know yet is shown like none given
    "tampered": "found",
    "synthetic": "found",
    "no_tampering_found": "none",
    "inconclusive": "unsure",
}
HEADINGS = {
    "tampered": ("found", None),
    "synthetic": ("synthetic", None),
    "no_tampering_found": ("none", "none_by"),
    "inconclusive": ("unsure", None),
}


def verdict_card(view: PageView, rates: Rates | None) -> str:
    """The verdict in words, where, on its scale, and how often that is wrong."""
    verdict = view.verdict
    if verdict is None:
        return _waiting_verdict()
    tone = TONES.get(verdict.verdict, "none")
    return (
        f'<section class="verdict card" data-v="{tone}" aria-live="polite">'
        f"{_heading(verdict, tone)}{_where(view, verdict)}{_scale(verdict)}"
        f'<p class="cap">{_rate(verdict, rates)}<a href="#limits">{told("limits")}</a></p></section>'
    )


def about_card(view: PageView) -> str:
    """What ran, how long it took, and the files to take along."""
    rows = _about_rows(view)
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    warnings = tuple(map(sentence, view.outcome.warnings)) if view.outcome else ()
    notes = (say("stored_note"), *warnings) if view.is_stored else warnings
    return (
        f'<section class="about card"><h2>{told("about")}</h2><dl class="facts">{facts}</dl>'
        f"{list_of(notes, 'info', 'notes') if notes else ''}{_downloads(view)}</section>"
    )


def where_line(view: PageView, verdict: VerdictReady) -> str:
    """The sentence under the verdict."""
    localised = view.localised
    match verdict.verdict:
        case "tampered" if localised and localised.regions:
            return unbroken(words().where(localised.regions))
        case "tampered":
            at = localised.threshold if localised else verdict.threshold
            return say("found_nowhere", threshold=decimal_words(at))
        case "synthetic":
            return say("synthetic_where")
        case "no_tampering_found" if localised and localised.regions:
            return say("none_marked", share=percent(localised.area_fraction))
        case "no_tampering_found":
            return say("none_where", peak=decimal_words(localised.peak)) if localised else say("none_no_map")
        case "inconclusive":
            return f"{say('unsure_where')}{say('gap')}{disagreement(verdict)}".rstrip()
        case _:
            return say("not_given_where")


def _heading(verdict: VerdictReady, tone: str) -> str:
    word, by = HEADINGS.get(verdict.verdict, ("not_given", "not_given_by"))
    line = f"{icon(tone, small=False)}<span>{told(word)}</span>"
    if by is None:
        return f'<h1 class="word">{line}</h1>'
    return f'<h1><span class="word">{line}</span> <span class="by">{told(by)}</span></h1>'


def _where(view: PageView, verdict: VerdictReady) -> str:
    if view.localised is None and view.phase != "done":
        skeleton = '<span class="sk" style="width:92%"></span><span class="sk" style="width:58%"></span>'
        return f'<p class="where bare">{skeleton}</p>'
    return f'<p class="where">{escape(where_line(view, verdict))}</p>'


def _scale(verdict: VerdictReady) -> str:
    threshold = decimal_words(verdict.threshold)
    if verdict.score is None:
        score, band, marks, label = say("no_score"), "", "", say("no_score")
    else:
        score = decimal_words(verdict.score)
        low, high = verdict.band or (verdict.score, verdict.score)
        band = f"{say('band')} {decimal_words(low)} – {decimal_words(high)}" if verdict.band else ""
        spoken = "scale" if verdict.band else "scale_no_band"
        label = say(spoken, v=score, low=decimal_words(low), high=decimal_words(high), t=threshold)
        marks = (
            f'<i class="band" style="--lo:{low:.3f};--hi:{high:.3f}"></i>'
            f'<i class="pt" style="--v:{verdict.score:.3f}"></i>'
        )
    return (
        f'<div class="scale"><div class="vals"><span>{told("score")} <b>{escape(score)}</b></span>'
        f'<span>{escape(band)}</span></div><div class="track" role="img" aria-label="{escape(label)}">'
        f'<i class="thr" style="--t:{verdict.threshold:.3f}"></i>{marks}</div>'
        f'<div class="ends" style="--t:{verdict.threshold:.3f}"><span>{told("end_low")}</span>'
        f"<span>{told('threshold', t=threshold)}</span><span>{told('end_high')}</span></div></div>"
    )


def _rate(verdict: VerdictReady, rates: Rates | None) -> str:
    if rates is None:
        return ""
    per_verdict = {
        "tampered": ("rate_found", rates.false_alarm),
        "no_tampering_found": ("rate_none", rates.missed),
        "inconclusive": ("rate_unsure", rates.inconclusive),
    }
    if verdict.verdict not in per_verdict:
        return ""
    key, per_100 = per_verdict[verdict.verdict]
    return f"<span>{told(key, n=rate_words(per_100))}</span> "


def _waiting_verdict() -> str:
    def line(width: int) -> str:
        return f'<span class="sk" style="width:{width}%"></span>'

    return (
        f'<section class="verdict card" aria-live="polite" aria-busy="true">'
        f'<h1 class="word quiet">{told("waiting")}</h1>'
        f'<p class="where bare">{line(92)}{line(58)}</p>'
        f'<div class="scale bare"><div class="vals">{line(24)}{line(30)}</div><div class="track"></div></div>'
        f'<p class="cap bare">{line(84)}</p></section>'
    )


def _about_rows(view: PageView) -> Iterable[tuple[str, str]]:
    engine, later = view.engine, say("not_yet")
    yield say("file"), facts_words(view.facts) if view.facts else later
    weights = "" if engine is None or engine.weights == "none" else f" · {engine.weights}"
    yield say("engine"), f"{engine.name} {engine.version}{weights}" if engine else later
    yield say("adapter"), (engine.adapter or say("adapter_none")) if engine else later
    yield say("time"), _times(view.outcome.timings_s.items()) if view.outcome else later
    if view.outcome and view.is_stored:
        yield say("made"), view.outcome.created_at[:10]


def _times(timings_s: Iterable[tuple[str, float]]) -> str:
    parts = dict(timings_s)
    total = parts.pop("total", None)
    told = say("comma").join(f"{part_words(name)} {seconds_words(value)}" for name, value in parts.items())
    if total is None or not told:
        return told if total is None else seconds_words(total)
    return say("time_parts", total=seconds_words(total), parts=told)


def _downloads(view: PageView) -> str:
    stem = view.name.rsplit(".", 1)[0] or "picture"
    addresses = view.addresses
    files = (
        ("result_file", "JSON", addresses.result, f"{stem}.json"),
        ("mask_file", "PNG", addresses.mask, f"{stem}.mask.png"),
        ("map_file", "PNG", addresses.map_file, f"{stem}.map.png"),
    )
    return f'<div class="three">{"".join(_download(*file) for file in files)}</div>'


def _download(key: str, kind: str, address: str | None, name: str) -> str:
    words = f"{icon('down')}<span>{told(key)} <small>{kind}</small></span>"
    if address is None:
        return f'<span class="btn" aria-disabled="true">{words}</span>'
    label = escape(f"{say('save')}: {say(key)}, {kind}")
    return (
        f'<a class="btn" href="{escape(address)}" download="{escape(name)}" aria-label="{label}">{words}</a>'
    )
