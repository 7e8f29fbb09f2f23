"""`/review`: corrections and adapters that wait, and the operator's view. Only where a token is set.

The token opens a session, whose cookie goes to these pages only and is never sent by another site; every form
carries a key of the session besides. Browsers send the cookie only where the page stands by itself, not in a
frame of another site.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fakeshield_core.errors import FakeShieldError, FeedbackError, InputError, StoreUnavailable
from feedback import runs
from feedback.records import Decision, Item
from feedback.store import FeedbackStore
from ui import operating, review_pages, review_runs, words_operating
from ui.host import EngineHost
from ui.pages import HEADERS, note, page, read_form, state_words
from ui.review_access import SESSION_S, Access, Session
from ui.review_picture import outlined
from ui.saving import Saving
from ui.words_pages import told

log = logging.getLogger(__name__)

COOKIE = "fakeshield_review"
PATH = f"/{review_pages.ADDRESS}"
AT_ONCE = 20  # items on one page
MOST_NAME = 60
MOST_RUNS = 10_000  # that are looked through for those that wait
UNNAMED = "operator"


class Desk:
    """The review page over the store."""

    def __init__(self, token: str | None, saving: Saving, host: EngineHost) -> None:
        self._access = None if token is None else Access(token)
        self._saving = saving
        self._host = host

    @property
    def is_open(self) -> bool:
        """Whether there is a review page."""
        return self._access is not None

    def routes(self) -> list[Route]:
        """The page, and its pictures."""
        return [
            Route(PATH, self._answer, methods=["GET", "POST"]),
            Route(f"{PATH}/picture/{{receipt}}", self._picture),
        ]

    async def _answer(self, request: Request) -> Response:
        if self._access is None:
            return _page(note(told("review_off"), is_wrong=True), 404)
        session = self._access.session(request.cookies.get(COOKIE))
        if request.method != "POST":
            is_operator = request.query_params.get("view") == operating.VIEW
            return await run_in_threadpool(self._operated if is_operator else self._shown, session)
        try:
            form = await read_form(request)
        except InputError as error:
            return _page(note(str(error), is_wrong=True), 400)
        if session is None or not self._access.is_from_our_form(session, form.get("key", "")):
            return self._enter(self._access, form, is_secure(request))
        if form.get("action") == "leave":
            self._access.leave(session)
            return RedirectResponse(review_pages.ADDRESS, status_code=303)
        return await run_in_threadpool(self._decide, session, form)

    async def _picture(self, request: Request) -> Response:
        session = self._access and self._access.session(request.cookies.get(COOKIE))
        if not session:
            return Response(status_code=404)
        return await run_in_threadpool(self._drawn, request.path_params["receipt"])

    def _enter(self, access: Access, form: Mapping[str, str], secure: bool) -> Response:
        if form.get("action") != "enter":
            return _page(review_pages.login(told("review_again")), 403)
        name = form.get("name", "").strip()[:MOST_NAME] or UNNAMED
        entered = access.enter(form.get("token", ""), name)
        if not isinstance(entered, Session):
            status = 429 if entered == "wait" else 403
            return _page(review_pages.login(told(f"review_{entered}")), status)
        answer = RedirectResponse(review_pages.ADDRESS, status_code=303)
        answer.set_cookie(
            COOKIE,
            entered.cookie,
            max_age=int(SESSION_S),
            path=PATH,
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    def _decide(self, session: Session, form: Mapping[str, str]) -> Response:
        decision, receipt, reason = (form.get(name, "") for name in ("action", "receipt", "reason"))
        if decision in review_runs.DECISIONS:
            return self._decide_run(session, form.get("run", ""), decision, form.get("request"))
        if decision == "reject" and not reason.strip():
            return self._shown(session, told("review_need_reason", receipt=receipt), is_wrong=True)
        try:
            store = self._saving.store()
            said = cast("Decision", decision)
            item = store.review(receipt, said, session.reviewer, reason.strip(), form.get("request"))
        except FeedbackError as error:
            return self._shown(session, str(error), is_wrong=True)
        done = told("review_done", receipt=item.receipt, state=state_words(item.state))
        return self._shown(session, done)

    def _decide_run(self, session: Session, run: str, action: str, request: str | None) -> Response:
        try:
            store = self._saving.store()
            if run not in {each.id for each in review_runs.waiting(store.runs(MOST_RUNS))}:
                return self._shown(session, told("run_gone"), is_wrong=True)
            store.decide_run(run, review_runs.DECISIONS[action], session.reviewer, request)
        except FeedbackError as error:
            return self._shown(session, str(error), is_wrong=True)
        return self._shown(session)

    def _shown(self, session: Session | None, said: str = "", is_wrong: bool = False) -> Response:
        if session is None:
            return _page(review_pages.login())
        try:
            store = self._saving.store()
            items = store.items("quarantined", most=AT_ONCE)
            claims = {item.receipt: _claims(store, item) for item in items}
            decided = runs.latest(store.run_decisions())
            waiting = review_runs.section(review_runs.waiting(store.runs(MOST_RUNS)), decided, session)
        except FakeShieldError as error:
            return _page(note(str(error), is_wrong=True), 503)
        body = note(said, is_wrong) + waiting + review_pages.queue(items, claims, session, AT_ONCE)
        return _page(review_pages.views("review") + body, 400 if is_wrong else 200)

    def _operated(self, session: Session | None) -> Response:
        if session is None:
            return _page(review_pages.login())
        try:
            store = self._saving.store()
            oldest = next(iter(store.items("quarantined", most=1)), None)
            engine = self._host.ready()
            found = operating.Operating(
                stats=store.stats(),
                waits_since=None if oldest is None else oldest.created_at,
                runs=store.runs(),
                moves=store.moves(),
                engine=None if engine is None else engine.info.name,
                adapter=None if engine is None else engine.info.adapter,
                problem=self._host.problem,
                free_bytes=shutil.disk_usage(store.folder).free,
                now=datetime.now(UTC),
            )
        except FakeShieldError as error:
            return _page(note(str(error), is_wrong=True), 503)
        body = review_pages.views(operating.VIEW) + operating.operate(found)
        return _page(body, title=words_operating.told("view_operate"))

    def _drawn(self, receipt: str) -> Response:
        try:
            store = self._saving.store()
            item = store.case(receipt).item
            if item.picture_sha256 is None:
                return Response(status_code=404)
            mask = None if item.mask_sha256 is None else store.blob(item.mask_sha256)
            data = outlined(store.blob(item.picture_sha256), mask)
        except FakeShieldError:
            return Response(status_code=404)
        return Response(data, media_type="image/jpeg", headers=HEADERS)


def is_secure(request: Request) -> bool:
    """Whether the visitor came over HTTPS, perhaps to a proxy in front of us."""
    forwarded = request.headers.get("x-forwarded-proto", "").split(",")[0].strip()
    return (forwarded or request.url.scheme) == "https"


def _claims(store: FeedbackStore, item: Item) -> Mapping[str, str]:
    """Texts of the item's claims; none where its result was not kept or cannot be read now."""
    if item.analysis_sha256 is None:
        return {}
    try:
        return review_pages.claim_texts(store.blob(item.analysis_sha256))
    except StoreUnavailable as error:
        log.warning("claims of item %s are not shown: %s", item.uuid, error)
        return {}


def _page(body: str, status: int = 200, title: str | None = None) -> Response:
    answer = page(title or told("review_title"), body, status, is_wide=True)
    answer.headers["X-Frame-Options"] = "DENY"
    return answer
