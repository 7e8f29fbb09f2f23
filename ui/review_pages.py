"""The review as HTML: what waits, and everything that was said about it. Every text is escaped here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from fakeshield_core.errors import FakeShieldError
from fakeshield_core.explain.grounded import retold
from fakeshield_core.explain.note import percent_words
from fakeshield_core.schema import analysis_from_json
from feedback.events import new_uuid
from feedback.records import Content, Item, Kept
from ui import operating, words_operating
from ui.language import spoken
from ui.pages import button, facts, field, hidden, note
from ui.review_access import Session
from ui.words import KINDS, seconds_words
from ui.words_pages import told

ADDRESS = "review"


def login(problem: str = "") -> str:
    """The form for the token."""
    return (
        f'{note(problem, is_wrong=True)}<form class="card" method="post" action="{ADDRESS}">'
        f"<p>{escape(told('review_enter'))}</p>{field('token', told('review_token'), kind='password')}"
        f"{field('name', told('review_name'), longest=60)}"
        f"{button('enter', told('review_go'), is_primary=True)}</form>"
    )


def views(chosen: str) -> str:
    """The way between the queue and the operator's view.

    Args:
        chosen: "review" or `operating.VIEW`.
    """
    ways = (("review", ADDRESS), (operating.VIEW, f"{ADDRESS}?view={operating.VIEW}"))
    links = "".join(
        f'<a href="{address}"{" aria-current=page" if name == chosen else ""}>{escape(words)}</a>'
        for name, address in ways
        for words in (words_operating.told(f"view_{name}"),)
    )
    return f'<nav class="views">{links}</nav>'


def queue(items: Sequence[Item], claims: Mapping[str, Mapping[str, str]], session: Session, most: int) -> str:
    """What waits, oldest first.

    Args:
        items: with content.
        claims: texts of the engine's claims by id, for each receipt.
        session: of the reviewer.
        most: items that are shown at once.
    """
    cards = "".join(_item(item, claims.get(item.receipt, {}), session) for item in items)
    leave = (
        f'<form method="post" action="{ADDRESS}">{hidden(key=session.form_key)}'
        f"{button('leave', told('review_leave'))}</form>"
    )
    return f"<p>{escape(_waiting(len(items), most))}</p>{cards}{leave}"


def claim_texts(analysis: bytes) -> Mapping[str, str]:
    """Texts of a stored result's claims by their id, in the language of now; none where it cannot be read."""
    try:
        explanation = retold(analysis_from_json(json.loads(analysis)), spoken())
    except (ValueError, FakeShieldError):
        return {}
    return {claim.id: claim.text for claim in explanation.claims} if explanation else {}


def _waiting(number: int, most: int) -> str:
    if number == 0:
        return told("review_empty")
    if number >= most:
        return told("review_more", n=most)
    return told("review_one") if number == 1 else told("review_many", n=number)


def _item(item: Item, claims: Mapping[str, str], session: Session) -> str:
    content = item.content
    kept = None if content is None else content.kept
    if content is None or kept is None:
        return ""
    alt = escape(told("review_picture", receipt=item.receipt))
    return (
        f'<article class="card case" id="{item.receipt}">'
        f'<img src="{ADDRESS}/picture/{item.receipt}" alt="{alt}" loading="lazy">'
        f"<div><h2>{item.receipt}</h2>{facts(_rows(item, content, kept))}{_rated(content, claims)}"
        f"{_own_words(kept)}{_decision(item, session)}</div></article>"
    )


def _rows(item: Item, content: Content, kept: Kept) -> Iterable[tuple[str, str]]:
    yield told("saved_at"), item.created_at[:16].replace("T", " ") + " UTC"
    yield told("verdict"), told(f"verdict_{content.verdict}")
    share = None if kept.mask_area is None else percent_words(kept.mask_area)
    yield told("mask"), told("mask_none") if share is None else told("mask_share", share=share)
    yield told("know"), told(f"know_{kept.how_do_you_know}")
    if kept.finding_kinds:
        yield (
            told("kinds"),
            ", ".join(KINDS.get(f"kind_{kind}", kind.replace("_", " ")) for kind in kept.finding_kinds),
        )
    rating = content.overall_rating
    yield told("overall"), told("unrated") if rating is None else told("overall_of", n=rating)
    may = [told(f"may_{name}") for name in ("train", "publish") if getattr(item.consent, name)]
    yield told("may"), ", ".join(may) or told("may_neither")
    yield told("spent"), seconds_words(kept.seconds_spent)
    yield told("by"), kept.contributor or told("anonymous")
    engine = content.engine
    yield told("engine"), " · ".join(filter(None, (engine.name, engine.version, engine.adapter)))


def _rated(content: Content, claims: Mapping[str, str]) -> str:
    if not content.claim_ratings:
        return ""
    lines = "".join(
        f"<li><b>{escape(told(f'claim_{rating.rating}'))}</b>"
        f"{escape(claims.get(rating.claim_id, rating.claim_id))}</li>"
        for rating in content.claim_ratings
    )
    return f'<div><h3>{escape(told("claims"))}</h3><ul class="rated">{lines}</ul></div>'


def _own_words(kept: Kept) -> str:
    if not kept.rewritten_explanation:
        return ""
    words = escape(kept.rewritten_explanation)
    return f'<div><h3>{escape(told("own_words"))}</h3><p class="said">{words}</p></div>'


def _decision(item: Item, session: Session) -> str:
    return (
        f'<form method="post" action="{ADDRESS}">'
        f"{hidden(key=session.form_key, receipt=item.receipt, request=new_uuid())}"
        f"{field('reason', told('review_reason'), longest=1000)}<div class='row'>"
        f"{button('accept', told('review_accept'), is_primary=True)}"
        f"{button('reject', told('review_reject'))}</div></form>"
    )
