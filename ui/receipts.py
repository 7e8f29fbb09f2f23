"""`/receipt`: what became of a correction, by its code; change its uses, or delete it.

The code is the only key: who has it may do all of this, so no cookie is needed and no request can be forged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import InputError
from ui.answers import Answer
from ui.api import Api
from ui.language import PLAIN, addresses, in_language, known, speaking, spoken
from ui.pages import button, facts, field, hidden, note, page, read_form, state_words, tick
from ui.words import sentence
from ui.words_pages import told

ADDRESS = "receipt"


def receipt_route(api: Api, language: str = PLAIN) -> Route:
    """The page, over the same functions that programs use.

    Args:
        api: those functions.
        language: of the page at the root, and of this one where nobody asks for another.
    """
    homes = addresses(language)

    async def endpoint(request: Request) -> Response:
        if request.method != "POST":
            asked = request.query_params
            form: Mapping[str, str] = {"code": asked.get("code", "")[:100], "lang": asked.get("lang", "")}
        else:
            try:
                form = await read_form(request)
            except InputError as error:
                with speaking(language):
                    return _page(homes, "", note(sentence(str(error)), is_wrong=True), 400)
        with speaking(known(form.get("lang"), language)):
            return await run_in_threadpool(in_language(_respond), api, homes, form)

    return Route(f"/{ADDRESS}", endpoint, methods=["GET", "POST"])


def _respond(api: Api, homes: Mapping[str, str], form: Mapping[str, str]) -> Response:
    code, action = form.get("code", ""), form.get("action", "")
    if not code:
        return _page(homes, "", "")
    done = ""
    if action == "delete" and "sure" not in form:
        done = note(told("delete_tick"), is_wrong=True)
    elif action == "delete":
        answer = api.withdraw(code)
        done = _deleted(answer)
    elif action == "consent":
        ticks: JsonValue = {"store": True, "train": "train" in form, "publish": "publish" in form}
        done = _said(api.consent(code, ticks), told("consent_saved"))
    fate = api.case(code)
    if "error" in fate:
        return _page(homes, code, note(str(fate["error"]), is_wrong=True), 404)
    return _page(homes, code, done + _fate(fate))


def _page(homes: Mapping[str, str], code: str, below: str, status: int = 200) -> Response:
    form = (
        f'<form class="card" method="post" action="{ADDRESS}"><p>{escape(told("receipt_lead"))}</p>'
        f"{field('code', told('receipt_code'), code, longest=40)}{button('find', told('receipt_find'), True)}"
        f"{hidden(lang=spoken())}</form>"
    )
    return page(told("receipt_title"), form + below, status, home=homes[spoken()])


def _said(answer: Answer, done: str) -> str:
    return note(str(answer["error"]), is_wrong=True) if "error" in answer else note(done)


def _deleted(answer: Answer) -> str:
    seen = told("comma").join(str(adapter) for adapter in cast("list[JsonValue]", answer.get("adapters", [])))
    return _said(answer, told("deleted_seen", adapters=seen) if seen else told("deleted"))


def _fate(fate: Answer) -> str:
    code, state = str(fate["receipt"]), str(fate["state"])
    consent = cast("dict[str, bool]", fate["consent"])
    card = f'<section class="card"><h2>{escape(code)}</h2>{facts(_rows(fate, state, consent))}</section>'
    if state == "withdrawn":
        return card
    uses = _uses(code, consent) if consent["store"] else ""
    return card + uses + _deletion(code)


def _rows(fate: Answer, state: str, consent: Mapping[str, bool]) -> Iterable[tuple[str, str]]:
    yield told("saved_at"), str(fate["created_at"])[:16].replace("T", " ") + " UTC"
    yield told("state"), state_words(state)
    review = cast("dict[str, str] | None", fate["review"])
    if review and review["reason"]:
        yield told("reason"), review["reason"]
    if fate["verdict"]:
        yield told("verdict"), told(f"verdict_{fate['verdict']}")
    kept = [told(f"kept_{name}") for name in cast("list[str]", fate["kept"])]
    yield told("kept"), told("comma").join(kept) or told("kept_nothing")
    if consent["store"]:
        may = [told(f"may_{name}") for name in ("train", "publish") if consent[name]]
        yield told("may"), told("comma").join(may) or told("may_neither")
    for name in ("releases", "adapters"):
        listed = ", ".join(str(value) for value in cast("list[JsonValue]", fate[name]))
        yield told(name), listed or told("none_yet")


def _uses(code: str, consent: Mapping[str, bool]) -> str:
    ticks = "".join(tick(name, told(f"consent_{name}"), consent[name]) for name in ("train", "publish"))
    return (
        f'<form class="card" method="post" action="{ADDRESS}"><h2>{escape(told("consent_title"))}</h2>'
        f"{hidden(code=code, lang=spoken())}{ticks}{button('consent', told('consent_save'))}</form>"
    )


def _deletion(code: str) -> str:
    return (
        f'<form class="card" method="post" action="{ADDRESS}"><h2>{escape(told("delete_title"))}</h2>'
        f"<p>{escape(told('delete_lead'))}</p>{hidden(code=code, lang=spoken())}"
        f"{tick('sure', told('delete_sure'))}{button('delete', told('delete'))}</form>"
    )
