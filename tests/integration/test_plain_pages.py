"""`/receipt` and `/review` over a real store: who may do what, what is shown, that all of it is escaped."""

from __future__ import annotations

import io
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fakeshield_core.domain import Claim, Explanation
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.schema import analysis_to_json
from feedback.records import AdapterMove, ClaimRating, JsonObject
from feedback.runs import RunReport
from feedback.store import FeedbackStore
from tests.feedback_fakes import NOTHING, correction, mask, picture
from ui.api import Api
from ui.cases import Cases
from ui.embedder import Embedder
from ui.host import EngineHost
from ui.language import NAMES, PLAIN
from ui.receipts import receipt_route
from ui.review import COOKIE, Desk
from ui.review_access import MOST_TRIES, SESSION_S, TRIES_S, Access, Session
from ui.review_picture import CASING_RGB, MASK_RGB, drawn
from ui.saving import Saving

TOKEN = "a token of the operator"
ATTACK = '<script>alert("x")</script>'


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """The two pages and the store behind them."""

    store: FeedbackStore
    saving: Saving
    host: EngineHost

    def visitor(self, token: str | None = TOKEN, language: str = PLAIN) -> TestClient:
        api = Api(Cases(Embedder(lambda: pytest.fail("no clicks here"))), self.saving)
        routes = [receipt_route(api, language), *Desk(token, self.saving, self.host).routes()]
        return TestClient(Starlette(routes=routes), base_url="http://site", follow_redirects=True)

    def reviewer(self, name: str = "ines") -> TestClient:
        visitor = self.visitor()
        answer = visitor.post("/review", data={"action": "enter", "token": TOKEN, "name": name})
        assert answer.status_code == 200 and len(answer.history) == 1
        return visitor


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with FeedbackStore.open(tmp_path) as store:
        yield Site(store, Saving(lambda: store), EngineHost(lambda **_: StubEngine()))


def key_of(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def decided(reviewer: TestClient, receipt: str, action: str, **fields: str) -> str:
    key = fields.pop("key", None) or key_of(reviewer.get("/review").text)
    sent = {"key": key, "receipt": receipt, "action": action, **fields}
    return unescape(reviewer.post("/review", data=sent).text)


def test_without_a_token_the_review_says_that_it_is_off(site: Site) -> None:
    answer = site.visitor(token=None).get("/review")
    assert answer.status_code == 404
    assert "FAKESHIELD_REVIEW_TOKEN" in answer.text
    assert site.visitor(token=None).post("/review", data={"token": ""}).status_code == 404


@pytest.mark.parametrize("token", ["", "a token of the operato", TOKEN + " ", TOKEN.upper(), "ü"])
def test_a_wrong_token_opens_nothing(site: Site, token: str) -> None:
    code = site.store.save_correction(correction()).code
    visitor = site.visitor()
    answer = visitor.post("/review", data={"action": "enter", "token": token})
    assert answer.status_code == 403
    assert COOKIE not in visitor.cookies
    assert code not in answer.text + visitor.get("/review").text
    assert visitor.get(f"/review/picture/{code}").status_code == 404


def test_after_too_many_wrong_tokens_everybody_waits(site: Site) -> None:
    visitor = site.visitor()
    for _ in range(MOST_TRIES):
        assert visitor.post("/review", data={"action": "enter", "token": "guess"}).status_code == 403
    for token in ("guess", TOKEN):
        assert visitor.post("/review", data={"action": "enter", "token": token}).status_code == 429


def test_tries_are_forgiven_and_sessions_end_with_time() -> None:
    clock = Clock()
    access = Access(TOKEN, clock)
    assert [access.enter("guess", "x") for _ in range(MOST_TRIES + 1)] == ["wrong"] * MOST_TRIES + ["wait"]
    clock.now += TRIES_S
    session = access.enter(TOKEN, "ines")
    assert isinstance(session, Session)
    assert access.session(session.cookie) is session
    clock.now += SESSION_S
    assert access.session(session.cookie) is None
    assert access.session(None) is None


def test_the_cookie_is_for_these_pages_alone(site: Site) -> None:
    visitor = site.visitor()
    sent = {"action": "enter", "token": TOKEN}
    cookie = visitor.post("/review", data=sent, follow_redirects=False).headers["set-cookie"]
    assert {"HttpOnly", "Path=/review", "SameSite=strict"} <= set(cookie.split("; "))
    assert "Secure" not in cookie and TOKEN not in cookie
    https = {"x-forwarded-proto": "https"}
    answer = visitor.post("/review", data=sent, headers=https, follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("key", ["", "guess"])
def test_a_form_of_another_site_decides_nothing(site: Site, key: str) -> None:
    code = site.store.save_correction(correction()).code
    reviewer = site.reviewer()
    sent = {"key": key, "receipt": code, "action": "accept"}
    assert reviewer.post("/review", data=sent).status_code == 403
    assert site.store.case(code).item.state == "quarantined"


def test_accepting_and_rejecting_is_kept_with_name_and_reason(site: Site) -> None:
    good, bad = (site.store.save_correction(correction(seed)).code for seed in range(2))
    reviewer = site.reviewer("ines")
    assert "2 corrections wait." in reviewer.get("/review").text
    assert f"{good}: Accepted." in decided(reviewer, good, "accept")
    assert "Give a reason" in decided(reviewer, bad, "reject", reason="  ")
    assert "1 correction waits." in reviewer.get("/review").text
    assert f"{bad}: Not accepted." in decided(reviewer, bad, "reject", reason=" misses the shadow ")
    mark = site.store.case(bad).item.review
    assert mark is not None
    assert (mark.decision, mark.reviewer, mark.reason) == ("reject", "ines", "misses the shadow")
    assert site.store.case(good).item.state == "accepted"
    assert "Nothing waits for review." in reviewer.get("/review").text


def test_a_form_sent_twice_is_one_review(site: Site) -> None:
    code = site.store.save_correction(correction()).code
    reviewer = site.reviewer()
    page = reviewer.get("/review").text
    request = re.search(r'name="request" value="([^"]+)"', page)
    assert request is not None
    for _ in range(2):
        decided(reviewer, code, "accept", key=key_of(page), request=request[1])
    assert site.store.stats().events == 2


@pytest.mark.parametrize(
    ("receipt", "action"), [("0000-0000-00", "accept"), ("x" * 500, "accept"), ("", "promote")]
)
def test_a_decision_about_nothing_is_refused_in_words(site: Site, receipt: str, action: str) -> None:
    page = decided(site.reviewer(), receipt, action)
    assert "note wrong" in page
    assert "Traceback" not in page


@pytest.mark.parametrize(("action", "said"), [("promote", "accept"), ("refuse", "reject")])
def test_an_adapter_that_waits_is_decided_on_the_page(site: Site, action: str, said: str) -> None:
    lease = site.store.take_lease("retraining", "test", 600.0)
    assert lease is not None
    detail: JsonObject = {"sentence": "Passed: it gains <6> points."}
    run = site.store.start_run(lease, RunReport("waiting_for_approval", 3, "0123456789ab", detail))
    site.store.start_run(lease, RunReport("refused", 3, "ba9876543210", {}))
    reviewer = site.reviewer()
    page = reviewer.get("/review").text
    assert "0123456789ab" in page and "it gains &lt;6&gt; points." in page and "ba9876543210" not in page
    after = decided(reviewer, "", action, run=run.id, request=str(uuid.uuid4()))
    assert f"ines {'promotes' if action == 'promote' else 'refuses'} it" in after
    assert 'value="promote"' not in after
    (decision,) = site.store.run_decisions()
    assert (decision.run, decision.decision, decision.by) == (run.id, said, "ines")


@pytest.mark.parametrize("run", ["", "x" * 500, "00000000-0000-4000-8000-000000000000"])
def test_a_run_that_does_not_wait_is_not_decided(site: Site, run: str) -> None:
    page = decided(site.reviewer(), "", "promote", run=run)
    assert "This adapter does not wait any more." in page and site.store.run_decisions() == []


def test_leaving_ends_the_session(site: Site) -> None:
    reviewer = site.reviewer()
    decided(reviewer, "", "leave")
    assert "Review token" in reviewer.get("/review").text


def test_everything_said_is_shown_and_escaped(site: Site) -> None:
    analysis = analyze_to_end(StubEngine(), picture())
    claim = Claim("c1", "The patch repeats the one beside it.", "noise", None, {}, None)
    explained = replace(analysis, explanation=Explanation("It does.", "en", (claim,), "measured"))
    code = site.store.save_correction(
        correction(
            rewritten_explanation=ATTACK,
            contributor='" onload="x',
            claim_ratings=(ClaimRating("c1", "wrong_place"), ClaimRating("c9", "right")),
            analysis=analysis_to_json(explained),
        )
    ).code
    page = site.reviewer().get("/review").text
    assert ATTACK not in page and 'onload="x' not in page
    text = unescape(page)
    for said in (code, ATTACK, "Tampered", "Made the edit", "4 of 5", "31.5", "pasted from another picture"):
        assert said in text, said
    assert "<b>Wrong place</b>The patch repeats the one beside it." in text
    assert "<b>Right</b>c9" in text


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"torn")])
def test_a_result_that_cannot_be_read_hides_its_claims_only(
    site: Site, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    torn, sound = (site.store.save_correction(correction(seed)) for seed in range(2))
    item = site.store.case(torn.code).item
    damage(site.store.journal.blobs.path(str(item.analysis_sha256)))
    answer = site.reviewer().get("/review")
    assert answer.status_code == 200
    assert torn.code in answer.text and sound.code in answer.text
    assert f"claims of item {item.uuid} are not shown" in caplog.text


def test_the_picture_comes_with_its_mask_outlined(site: Site) -> None:
    code = site.store.save_correction(correction()).code
    answer = site.reviewer().get(f"/review/picture/{code}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    shown = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)
    assert shown.shape == (*mask().shape, 3)
    violet = (shown[..., 2] > 150) & (shown[..., 1] < 130)
    assert violet.any() and not violet[12:26, 8:20].any()  # a line, not an area
    assert site.reviewer().get("/review/picture/0000-0000-00").status_code == 404


def test_the_outline_lies_outside_of_the_mask_over_its_casing() -> None:
    rgb = np.full((20, 20, 3), 200, np.uint8)
    marked = np.zeros((20, 20), bool)
    marked[8:12, 8:12] = True
    out = drawn(rgb, marked)
    assert (out[marked] == 200).all()
    assert tuple(out[8, 7]) == MASK_RGB and tuple(out[8, 5]) == CASING_RGB
    assert tuple(out[0, 0]) == (200, 200, 200)
    assert (rgb == 200).all()


def test_only_what_waits_is_shown_oldest_first_and_no_more_than_a_page(site: Site) -> None:
    codes = [site.store.save_correction(correction(seed)).code for seed in range(3)]
    site.store.review(codes[1], "accept", "ines")
    site.store.save_correction(correction(9, consent=NOTHING))
    page = site.reviewer().get("/review").text
    assert re.findall(r'<article class="card case" id="([^"]+)"', page) == [codes[0], codes[2]]
    assert [item.receipt for item in site.store.items("quarantined", most=1)] == codes[:1]


def shown(visitor: TestClient, **sent: str) -> str:
    return unescape(visitor.post("/receipt", data=sent).text)


def test_a_receipt_shows_what_became_of_the_correction(site: Site) -> None:
    code = site.store.save_correction(correction()).code
    visitor = site.visitor()
    assert "Waiting for review" in shown(visitor, code=f" {code.lower()} ")
    site.store.review(code, "reject", "ines", f"too coarse {ATTACK}")
    page = visitor.get("/receipt", params={"code": code}).text
    assert "Not accepted" in page and "too coarse" in page
    assert ATTACK not in page and "ines" not in page
    assert "the picture, the mask, verdict and ratings, your words" in page


@pytest.mark.parametrize("code", ["0000-0000-00", ATTACK, "x" * 5000, "K7QF"])
def test_an_unknown_code_is_refused_in_words(site: Site, code: str) -> None:
    answer = site.visitor().post("/receipt", data={"code": code})
    assert answer.status_code == 404
    assert "note wrong" in answer.text and ATTACK not in answer.text


def test_deleting_needs_the_tick_and_then_erases(site: Site) -> None:
    code = site.store.save_correction(correction()).code
    visitor = site.visitor()
    assert "Tick the box first" in shown(visitor, code=code, action="delete")
    assert site.store.case(code).item.state == "quarantined"
    page = shown(visitor, code=code, action="delete", sure="on")
    assert "It is deleted." in page and "nothing but the code and its dates" in page
    assert site.store.case(code).item.state == "withdrawn"
    assert "Delete this contribution" not in page


def test_uses_are_changed_by_the_ticks(site: Site) -> None:
    code = site.store.save_correction(correction()).code
    page = shown(site.visitor(), code=code, action="consent", train="on")
    assert "Your choice is saved." in page and "train with it" in page
    consent = site.store.case(code).item.consent
    assert (consent.store, consent.train, consent.publish) == (True, True, False)


def test_pages_load_nothing_from_elsewhere_and_run_no_scripts(site: Site) -> None:
    for answer in (site.visitor().get("/receipt"), site.reviewer().get("/review")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert "<script" not in answer.text and "http://" not in answer.text and "style=" not in answer.text
    assert site.reviewer().get("/review").headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(("language", "homes"), [("en", ("./", "zh")), ("zh", ("en", "./"))])
def test_the_receipt_page_leads_back_to_the_page_in_its_language(
    site: Site, language: str, homes: tuple[str, str]
) -> None:
    visitor = site.visitor(language=language)
    for code, home in zip(NAMES, homes, strict=True):
        text = visitor.get("/receipt", params={"lang": code}).text
        assert f'<html lang="{code}">' in text and f'class="mark" href="{home}"' in text
    assert f'<html lang="{language}">' in visitor.get("/receipt").text
    assert f'<html lang="{language}">' in visitor.post("/receipt", data={"lang": "../x"}).text


@pytest.mark.parametrize("path", ["/receipt", "/review"])
@pytest.mark.parametrize(
    "body", [b"x" * 70_000, b"&".join(b"a%d=1" % n for n in range(200)), b"code=\xff\xfe"]
)
def test_forms_that_are_none_are_refused(site: Site, path: str, body: bytes) -> None:
    answer = site.visitor().post(path, content=body)
    assert answer.status_code in (400, 403, 404)
    assert "Traceback" not in answer.text


def test_pages_say_when_the_store_is_off(tmp_path: Path) -> None:
    def cannot_open() -> FeedbackStore:
        raise OSError("no disk")

    site = Site(None, Saving(cannot_open), EngineHost(lambda **_: StubEngine()))  # type: ignore[arg-type]
    assert "Saving is off" in shown(site.visitor(), code="K7QF-2M9D-XR")
    visitor = site.visitor()
    answer = visitor.post("/review", data={"action": "enter", "token": TOKEN})
    assert answer.status_code == 503 and "Saving is off" in answer.text


def test_two_reviewers_at_once_keep_their_names(site: Site) -> None:
    codes = [site.store.save_correction(correction(seed)).code for seed in range(2)]
    reviewers = [site.reviewer(name) for name in ("ines", "omar")]
    threads = [
        threading.Thread(target=decided, args=(reviewer, code, "accept"))
        for reviewer, code in zip(reviewers, codes, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    marks = [site.store.case(code).item.review for code in codes]
    assert [mark and mark.reviewer for mark in marks] == ["ines", "omar"]


def test_the_operators_view_is_for_those_who_know_the_token(site: Site) -> None:
    site.store.save_correction(correction())
    assert "lampbox" not in site.visitor().get("/review?view=operate").text
    page = site.reviewer().get("/review?view=operate")
    assert page.status_code == 200 and "1 events" in page.text and "No engine is ready" in page.text
    assert 'href="review"' in page.text and page.headers["X-Frame-Options"] == "DENY"


def test_the_operators_view_names_the_adapter_that_answers(site: Site) -> None:
    site.host.start()
    assert site.host.wait(30)
    site.store.record_move(AdapterMove("promotion", "abc", 1, "mara", "gains", ""))
    page = site.reviewer().get("/review?view=operate").text
    assert "The page answers with the base alone" in page and "mara" in page
    site.host.stop()
