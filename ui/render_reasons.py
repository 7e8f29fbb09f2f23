"""Views to HTML: kind and reasons, or on other verdicts what the engine cannot see and what would help."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fakeshield_core.domain import Claim, EngineInfo, Explanation, PictureFacts, VerdictReady
from ui.again import MAP, OTHER
from ui.markup import icon, limits_list, list_of, told, tongue, unbroken
from ui.state import PageView
from ui.words import KINDS, decimal_words, say

READING = "reading"  # kind of a claim that is a language model's own words


def reasons_card(view: PageView) -> str:
    """Claims that light their region; on other verdicts what the engine cannot see or what would help."""
    if view.verdict is None or view.explanation is None:
        return _waiting_reasons()
    match view.verdict.verdict:
        case "no_tampering_found":
            parts = [_limits_list(view.engine), _stability(view.verdict), *_claims_below(view)]
        case "inconclusive":
            ways = _three_ways(view.verdict)
            parts = [ways, _helps(view.facts, "stab" if ways else ""), *_claims_below(view)]
        case "tampered" if kinds := "".join(_kinds(view.verdict, _known(view))):
            head = f'<h2>{told("kind")}</h2><ul>{kinds}</ul><h2 class="stab">{told("why")}</h2>'
            parts = [head, claims_or_word(view), _stability(view.verdict)]
        case _:
            parts = [f"<h2>{told('why')}</h2>", claims_or_word(view), _stability(view.verdict)]
    return f'<section class="why card">{"".join(parts)}{_again(view)}</section>'


def _again(view: PageView) -> str:
    """What the engine can be asked for once more, when it has answered."""
    if not (view.can_ask_again and view.case_id):
        return ""
    is_bare = view.localised is None or view.localised.peak == 0
    asked = (MAP, OTHER) if is_bare else (OTHER,)
    buttons = "".join(
        f'<button type="button" class="btn small" data-again="{what}">{told(f"again_{what}")}</button>'
        for what in asked
    )
    return f'<p class="again row">{buttons}</p>'


def claims_or_word(view: PageView) -> str:
    """The claims as a list, or a sentence where there are none."""
    if view.explanation is not None and view.explanation.claims:
        return _claims(view.explanation, _known(view))
    is_marked = view.localised is not None and bool(view.localised.regions)
    return f'<p class="plain">{told("why_none" if is_marked else "why_unmarked")}</p>'


def _kinds(verdict: VerdictReady, known: frozenset[int]) -> Iterable[str]:
    """What was done in each marked area, where the engine knows; nothing where it does not."""
    for finding in verdict.findings:
        if finding.region_id not in known or f"kind_{finding.kind}" not in KINDS:
            continue
        kind = say(f"kind_{finding.kind}")
        text = say("kind_of_region", n=finding.region_id, kind=kind) if len(known) > 1 else kind.capitalize()
        sure = told("confidence", p=decimal_words(finding.confidence))
        yield (
            f'<li class="claim kind" data-region="{finding.region_id}" tabindex="0">'
            f'<span class="badge">{finding.region_id}</span>'
            f'<p><span>{escape(text)}</span> <span class="src">{sure}</span></p></li>'
        )


def _waiting_reasons() -> str:
    skeleton = '<span class="sk" style="width:96%"></span><span class="sk" style="width:52%"></span>'
    claim = f'<li class="claim"><span class="badge none"> </span><p class="bare">{skeleton}</p></li>'
    body = f'<ol class="claims">{claim * 3}</ol>'
    return f'<section class="why card" aria-busy="true"><h2>{told("why")}</h2>{body}</section>'


def _claims_below(view: PageView) -> Iterable[str]:
    if view.explanation is not None and view.explanation.claims:
        yield f'<h2 class="stab">{told("why")}</h2>{_claims(view.explanation, _known(view))}'


def _known(view: PageView) -> frozenset[int]:
    return frozenset(region.id for region in view.localised.regions) if view.localised else frozenset()


def _claims(explanation: Explanation, known: frozenset[int]) -> str:
    items = "".join(_claim(claim, known) for claim in explanation.claims)
    return f'<ol class="claims"{tongue(explanation)}>{items}</ol>'


def _claim(claim: Claim, known: frozenset[int]) -> str:
    is_reading = claim.kind == READING
    source = f"{icon('quote' if is_reading else 'ruler')}{told('reading' if is_reading else 'measured')}"
    link, badge, note = "", '<span class="badge none" aria-hidden="true">–</span>', ""
    if claim.region_id is not None:
        link = f' data-region="{claim.region_id}" tabindex="0"'
        badge = f'<span class="badge">{claim.region_id}</span>'
        if claim.region_id not in known:
            note = f'<span class="against">{icon("alert")}{told("contradicts")}</span>'
    return (
        f'<li class="claim"{link}>{badge}<p><span>{escape(unbroken(claim.text))}</span> '
        f'<span class="src">{source}</span>{note}</p></li>'
    )


def _limits_list(engine: EngineInfo | None) -> str:
    return f"<h2>{told('cannot_see')}</h2>{limits_list(engine)}"


def disagreement(verdict: VerdictReady) -> str:
    """A sentence about the first altered copy that gives another result; empty where none does."""
    stability, score, threshold = verdict.stability, verdict.score, verdict.threshold
    if stability is None or score is None or not stability.changes(score, threshold):
        return ""
    recompressed_changes = (stability.recompressed > threshold) != (score > threshold)
    return say("unsure_recompressed" if recompressed_changes else "unsure_half_size")


def _stability(verdict: VerdictReady) -> str:
    """Under a firm verdict: whether altered copies give the same result; empty where none are read."""
    if not (ways := _scores(verdict)):
        return _checking(verdict, "stab ")
    if changes := disagreement(verdict):
        return f'<p class="stab row">{icon("alert")}<span>{escape(changes)}</span></p>{ways}'
    return f'<p class="stab row">{icon("check")}<span>{told("stable")}</span></p>'


def _three_ways(verdict: VerdictReady) -> str:
    """Under an inconclusive verdict: the scores of the copies, whatever they are."""
    if not (ways := _scores(verdict)):
        return _checking(verdict)
    return f"<h2>{told('three_ways')}</h2>{ways}"


def _checking(verdict: VerdictReady, line: str = "") -> str:
    """That altered copies are still to be read, where they are."""
    if not verdict.to_be_checked:
        return ""
    return f'<p class="{line}row checking">{icon("info")}<span>{told("checking")}</span></p>'


def _scores(verdict: VerdictReady) -> str:
    """The score and those of the altered copies; empty where none are read."""
    if verdict.stability is None or verdict.score is None:
        return ""
    rows = (
        ("as_uploaded", verdict.score),
        ("recompressed", verdict.stability.recompressed),
        ("half_size", verdict.stability.half_size),
    )
    ways = "".join(f'<dt>{told(key)}</dt><dd class="num">{decimal_words(value)}</dd>' for key, value in rows)
    return f'<dl class="facts ways">{ways}</dl>'


def _helps(facts: PictureFacts | None, extra: str) -> str:
    larger = (say("helps_larger", width=facts.width, height=facts.height),) if facts else ()
    return f'<h2 class="{extra}">{told("helps")}</h2>{list_of((say("helps_camera"), *larger), "plus")}'
