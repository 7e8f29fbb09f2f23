"""A draft outlives a reload, a save that fails, and a case that is over; nothing is sent twice."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from feedback.store import FeedbackStore
from tests.e2e.correcting import Corrector, Saves
from tests.e2e.driver import Visitor, as_file, forged, overlap, rectangle

WIDE = (320, 480)  # (height, width)
ONE = rectangle(WIDE, (60, 80, 200, 240))
END_CASES = """
for (const [key, text] of Object.entries(localStorage)) {
    if (!key.startsWith("fakeshield-draft:")) continue;
    localStorage.setItem(key, JSON.stringify({ ...JSON.parse(text), case_id: "over" }));
}"""


def come_back_late(corrector: Corrector) -> None:
    """Leaves the page, and opens it again when the case is over."""
    corrector.page.goto("about:blank")  # leaving keeps the draft once more
    corrector.page.add_init_script(END_CASES)
    corrector.page.goto(corrector.visitor.address)
    expect(corrector.page.locator(".resume")).to_be_visible()


def drawn(corrector: Corrector, seed: int) -> np.ndarray:
    """Corrects a picture in every way a draft must remember; gives the mask."""
    corrector.open(ONE, "draft.png", seed=seed).begin()
    corrector.tool("Brush")
    corrector.drag((300, 250), (420, 250))
    corrector.tool("Click")
    corrector.click(350, 100)
    expect(corrector.offer).to_contain_text("Adds")
    corrector.panel.locator(".overall label", has_text="3").click()
    corrector.say_how("A guess")
    corrector.allow("Keep the picture and my correction")
    return corrector.mask()


def test_reload_keeps_the_draft_with_its_open_proposal(corrector: Corrector) -> None:
    mask = drawn(corrector, seed=21)
    before = corrector.draft()
    page = corrector.page
    page.reload()
    expect(page.locator(".resume")).to_contain_text("draft.png")
    page.get_by_role("button", name="Continue").click()
    corrector.see_correction()
    expect(corrector.offer).to_contain_text("Adds")
    assert overlap(corrector.mask(), mask) == 1.0
    expect(corrector.panel.locator("[name=overall][value='3']")).to_be_checked()
    expect(corrector.panel.locator("[name=how][value=guess]")).to_be_checked()
    expect(corrector.panel.locator("[name=store]")).to_be_checked()
    after = corrector.draft()
    assert before is not None and after is not None and after["uuid"] == before["uuid"]
    assert after["spent"] >= before["spent"]


def test_example_is_continued_from_its_stored_answer(corrector: Corrector) -> None:
    page = corrector.page
    if not page.locator(".ex").count():
        pytest.skip("no stored answers beside the examples; python -m fakeshield_core.synthesis.examples")
    page.locator(".ex").first.click()
    expect(corrector.visitor.canvas).to_have_attribute("data-phase", "done")
    page.locator(".turn [data-fix]:visible").first.click()
    corrector.see_correction()
    page.get_by_role("button", name="Clear the mask").click()
    assert corrector.draft() is not None
    page.reload()
    page.get_by_role("button", name="Continue").click()
    corrector.see_correction()
    assert not corrector.mask().any()


def test_a_case_that_is_over_is_opened_from_the_picture_kept_in_the_browser(corrector: Corrector) -> None:
    mask = drawn(corrector, seed=22)
    page = corrector.page
    come_back_late(corrector)
    page.get_by_role("button", name="Continue").click()
    corrector.see_correction()
    assert overlap(corrector.mask(), mask) == 1.0


def test_without_case_and_picture_the_same_picture_is_asked_for(corrector: Corrector) -> None:
    mask = drawn(corrector, seed=23)
    page = corrector.page
    come_back_late(corrector)
    page.evaluate("() => new Promise((done) => { indexedDB.deleteDatabase('fakeshield').onsuccess = done; })")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".resume")).to_contain_text("Choose the same picture again")
    corrector.visitor.choose(as_file(forged(ONE, seed=23)))
    corrector.visitor.see_result()
    page.locator(".turn").get_by_role("button", name="Fix this").click()
    corrector.see_correction()
    assert overlap(corrector.mask(), mask) == 1.0


def test_failing_save_keeps_the_draft_and_retries_with_the_same_uuid(
    corrector: Corrector, store: FeedbackStore
) -> None:
    drawn(corrector, seed=24)
    corrector.keep()
    saves = Saves(corrector.page, refused=1)
    corrector.save()
    expect(corrector.panel.get_by_role("alert")).to_contain_text("Not saved yet. The draft is kept")
    draft = corrector.draft()
    assert draft is not None and draft["request"]["correction"]["client_uuid"] == draft["uuid"]
    code = corrector.see_receipt()
    assert len(saves.uuids) == 2 and set(saves.uuids) == {draft["uuid"]}
    assert store.case(code).item.uuid == draft["uuid"]


def test_lost_answer_is_asked_for_again_and_nothing_is_saved_twice(
    corrector: Corrector, store: FeedbackStore
) -> None:
    drawn(corrector, seed=25)
    corrector.keep()
    before = store.stats().events
    saves = Saves(corrector.page, lost=1)
    corrector.save()
    corrector.page.get_by_role("button", name="Try now").click()
    corrector.see_receipt()
    assert len(set(saves.uuids)) == 1
    assert store.stats().events == before + 1


def test_reload_while_a_save_fails_goes_on_saving(corrector: Corrector, store: FeedbackStore) -> None:
    drawn(corrector, seed=26)
    corrector.keep()
    saves = Saves(corrector.page, refused=1)
    corrector.save()
    expect(corrector.panel.get_by_role("alert")).to_contain_text("Not saved yet")
    corrector.page.reload()
    corrector.page.get_by_role("button", name="Continue").click()
    code = corrector.see_receipt()
    assert len(set(saves.uuids)) == 1 and store.case(code).item.uuid == saves.uuids[0]


def test_offline_is_said_and_the_save_goes_out_when_the_connection_returns(corrector: Corrector) -> None:
    drawn(corrector, seed=27)
    corrector.keep()
    corrector.page.context.set_offline(True)
    corrector.save()
    expect(corrector.panel.get_by_role("alert")).to_contain_text("You are offline")
    corrector.page.context.set_offline(False)
    corrector.see_receipt()


def test_while_a_save_is_open_nothing_can_be_changed(corrector: Corrector) -> None:
    mask = drawn(corrector, seed=28)
    corrector.keep()
    kept = corrector.mask()
    Saves(corrector.page, refused=100)
    corrector.save()
    expect(corrector.panel.get_by_role("alert")).to_contain_text("Not saved yet")
    corrector.click(130, 160, right=True)
    corrector.page.keyboard.press("Control+z")
    assert overlap(corrector.mask(), kept) == 1.0 and kept.sum() > mask.sum()
    expect(corrector.panel.locator("button.save")).to_be_disabled()


def test_discard_and_deletion_forget_the_draft(corrector: Corrector) -> None:
    drawn(corrector, seed=29)
    corrector.page.get_by_role("button", name="Discard").click()
    expect(corrector.visitor.canvas).to_have_attribute("data-phase", "done")
    assert corrector.draft() is None
    corrector.page.reload()
    expect(corrector.visitor.canvas).to_have_attribute("data-phase", "idle")
    expect(corrector.page.locator(".resume")).to_be_hidden()


def test_a_discarded_correction_comes_back_as_it_was(corrector: Corrector) -> None:
    drawn(corrector, seed=32)
    corrector.keep()
    before, undo = corrector.draft(), corrector.page.locator(".take-back")
    corrector.page.get_by_role("button", name="Discard").click()
    expect(undo).to_contain_text("Your correction is discarded.")
    assert corrector.draft() is None
    undo.get_by_role("button", name="Undo").click()
    corrector.see_correction()
    after = corrector.draft()
    assert before is not None and after is not None
    for part in ("uuid", "values", "session"):
        assert after[part] == before[part], part
    corrector.page.get_by_role("button", name="Discard").click()
    corrector.begin()
    expect(undo).to_be_hidden()
    assert overlap(corrector.mask(), ONE) > 0.99


def test_what_came_back_is_there_when_the_server_has_forgotten_it(corrector: Corrector) -> None:
    mask, page = drawn(corrector, seed=34), corrector.page
    page.reload()
    page.get_by_role("button", name="Continue").click()
    corrector.see_correction()
    page.get_by_role("button", name="Discard").click()
    page.locator(".take-back").get_by_role("button", name="Undo").click()
    corrector.see_correction()
    come_back_late(corrector)
    page.get_by_role("button", name="Continue").click()
    corrector.see_correction()
    assert overlap(corrector.mask(), mask) == 1.0


def test_a_correction_that_was_saved_before_it_was_discarded_is_told(
    corrector: Corrector, store: FeedbackStore
) -> None:
    drawn(corrector, seed=33)
    corrector.keep()
    saves = Saves(corrector.page, held=[])
    corrector.save()
    saves.see_held()
    corrector.page.get_by_role("button", name="Discard").click()
    late = corrector.page.locator(".turn .late li")
    expect(corrector.visitor.canvas).to_have_attribute("data-phase", "done")
    expect(late).to_contain_text("draft.png: it was being saved when you discarded it, and may be kept.")
    expect(corrector.page.locator(".take-back")).to_be_hidden()
    corrector.page.get_by_role("button", name="New picture").click()
    saves.let_go()
    corrector.open(ONE, "other.png", seed=36)
    code = store.items()[-1].receipt
    expect(late).to_contain_text(f"draft.png: saved as {code}, before you discarded it.")
    assert f"code={code}" in str(late.get_by_role("link").get_attribute("href"))


def test_correcting_again_replaces_the_first_correction(corrector: Corrector, store: FeedbackStore) -> None:
    drawn(corrector, seed=30)
    corrector.keep()
    corrector.save()
    first = corrector.see_receipt()
    corrector.page.get_by_role("button", name="Correct again").click()
    corrector.see_correction()
    corrector.page.get_by_role("button", name="Discard").click()
    expect(corrector.page.locator(".turn-note")).to_have_text(f"Your correction is saved as {first}.")
    corrector.begin()
    corrector.say_how()
    corrector.allow("Keep the picture and my correction")
    corrector.save()
    second = corrector.see_receipt()
    assert second != first
    assert store.case(second).item.supersedes == store.case(first).item.uuid


def test_two_people_do_not_see_each_others_drafts(corrector: Corrector, browser: Browser) -> None:
    drawn(corrector, seed=31)
    context = browser.new_context()
    other = Visitor(context.new_page(), corrector.visitor.address).arrive()
    expect(other.page.locator(".drop")).to_be_visible()
    expect(other.page.locator(".resume")).to_be_hidden()
    context.close()
