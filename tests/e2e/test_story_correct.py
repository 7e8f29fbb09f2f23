"""Correcting in a browser, with stub engine and stub clicks: from the result to the receipt and the store."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from fakeshield_core.domain import BoolMask, Click
from fakeshield_core.imaging import decode_mask_png
from fakeshield_core.segmenters.stub import disc
from feedback.store import FeedbackStore
from tests.e2e.correcting import Corrector, Saves
from tests.e2e.driver import Visitor, overlap, rectangle

WIDE = (320, 480)  # (height, width)
ONE = rectangle(WIDE, (60, 80, 200, 240))


def around(x: int, y: int, scale: float = 1.0) -> BoolMask:
    """What the stub segmenter paints for a click."""
    return disc(*WIDE, Click(x, y, True), scale)


def test_story_correct_rate_save_receipt(corrector: Corrector, store: FeedbackStore) -> None:
    page = corrector.open(ONE, "story.png", seed=11).page
    before = corrector.visitor.stage.bounding_box()
    corrector.begin()
    assert corrector.visitor.stage.bounding_box() == before, "the picture never moves"
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("Adds 1.2")
    corrector.keep()
    expect(corrector.panel.locator(".of-you")).to_contain_text("16")
    corrector.panel.locator(".overall label", has_text="4").click()
    corrector.say_how()
    corrector.allow("Use them to train the model")
    corrector.save()
    code = corrector.see_receipt()
    for words in ("15 % → 16 %", "4 of 5", "I see traces in the picture", "keep, train"):
        expect(page.locator(".receipt")).to_contain_text(words.replace(" %", "\N{NO-BREAK SPACE}%"))
    item = store.case(code).item
    assert item.content is not None and item.content.kept is not None and item.mask_sha256 is not None
    assert item.content.verdict == "tampered" and item.content.overall_rating == 4
    assert item.consent.train and not item.consent.publish
    saved = decode_mask_png(store.blob(item.mask_sha256))
    assert overlap(saved, ONE | around(350, 160)) > 0.99
    assert [click.positive for click in item.content.kept.prompts.clicks] == [True]
    assert corrector.draft() is None
    assert corrector.visitor.problems == []


def test_each_browser_is_one_contributor_with_a_name_of_its_own(
    corrector: Corrector, store: FeedbackStore, browser: Browser
) -> None:
    def saved(who: Corrector, seed: int) -> str | None:
        who.open(ONE, seed=seed).begin("Looks right")
        who.say_how()
        who.allow("Keep the picture and my correction")
        who.save()
        kept = store.case(who.see_receipt()).item.content
        assert kept is not None and kept.kept is not None
        return kept.kept.contributor

    first = saved(corrector, 61)
    corrector.page.reload()
    expect(corrector.visitor.canvas).to_have_attribute("data-phase", "idle")
    second = saved(corrector, 62)
    context = browser.new_context()
    third = saved(Corrector(Visitor(context.new_page(), corrector.visitor.address).arrive()), 63)
    context.close()
    assert first is not None and first == second and third not in (first, None)


@pytest.mark.parametrize("way", ["toggle", "right", "Alt"])
def test_three_ways_to_take_away(corrector: Corrector, way: str) -> None:
    corrector.open(ONE).begin()
    if way == "toggle":
        corrector.page.get_by_role("radio", name="Remove").click()
    corrector.click(130, 160, held="Alt" if way == "Alt" else None, right=way == "right")
    expect(corrector.offer).to_contain_text("Removes")
    corrector.keep()
    assert overlap(corrector.mask(), ONE & ~around(130, 160)) > 0.99


def test_shift_drag_asks_with_a_box(corrector: Corrector) -> None:
    corrector.open(ONE).begin()
    corrector.drag((300, 100), (400, 200), held="Shift")
    expect(corrector.offer).to_contain_text("Adds")
    corrector.keep()
    assert overlap(corrector.mask(), ONE | rectangle(WIDE, (300, 100, 401, 201))) > 0.98


def test_next_click_refines_the_open_proposal_and_drop_leaves_the_mask(corrector: Corrector) -> None:
    corrector.open(ONE).begin()
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("Adds 1.2")
    corrector.click(380, 160, held="Alt")
    expect(corrector.offer).to_contain_text("Adds 0.9")  # without what the two discs share
    corrector.page.keyboard.press("Escape")
    expect(corrector.offer).to_be_hidden()
    assert overlap(corrector.mask(), ONE) == 1.0


def test_tab_goes_through_the_candidates_only_while_there_are_some(corrector: Corrector) -> None:
    corrector.open(ONE).begin()
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("Adds 1.2")
    corrector.page.keyboard.press("Tab")
    expect(corrector.page.locator(".candidates [aria-pressed=true]")).to_have_text("2")
    expect(corrector.visitor.stage).to_be_focused()
    corrector.keep()
    assert overlap(corrector.mask(), ONE | around(350, 160, 2.0)) > 0.99
    corrector.page.keyboard.press("Tab")
    expect(corrector.visitor.stage).not_to_be_focused()


def test_brush_eraser_and_lasso_paint_picture_pixels(corrector: Corrector) -> None:
    corrector.open(ONE).begin()
    corrector.tool("Lasso")
    corrector.drag((300, 60), (400, 60), (400, 160), (300, 160))
    square = rectangle(WIDE, (300, 60, 400, 160))
    assert overlap(corrector.mask(), ONE | square) > 0.98
    corrector.tool("Brush")
    corrector.drag((300, 250), (420, 250))
    brushed = corrector.mask()
    assert brushed[250, 300:421].all() and not brushed[200, 300:421].any()
    corrector.tool("Eraser")
    corrector.drag((300, 250), (420, 250))
    assert overlap(corrector.mask(), ONE | square) > 0.98


def test_undo_and_redo_cover_clicks_strokes_threshold_and_reset(corrector: Corrector) -> None:
    page = corrector.open(ONE).begin().page
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("Adds")
    corrector.keep()
    corrector.tool("Brush")
    corrector.drag((300, 250), (420, 250))
    page.get_by_role("button", name="Clear the mask").click()
    masks = [corrector.mask()]
    for _ in range(4):
        page.keyboard.press("Control+z")
        masks.append(corrector.mask())
    assert not masks[0].any()
    assert masks[1].sum() > masks[2].sum() > masks[3].sum() == ONE.sum()
    assert overlap(masks[4], ONE) == 1.0 and corrector.offer.is_hidden()
    for expected in (masks[3], masks[2], masks[1], masks[0]):
        page.keyboard.press("Control+Shift+z")
        assert overlap(corrector.mask(), expected) == 1.0 or not expected.any()
    page.get_by_role("button", name="Back to the model’s mask").click()
    assert overlap(corrector.mask(), ONE) == 1.0


def test_threshold_takes_the_whole_map(corrector: Corrector) -> None:
    corrector.open(ONE).begin("False alarm")
    assert not corrector.mask().any()
    slider = corrector.page.get_by_label("Take the whole map above this threshold")
    slider.fill("30")
    expect(corrector.panel.locator(".of-you")).to_contain_text("15")
    assert overlap(corrector.mask(), ONE) > 0.98
    corrector.page.keyboard.press("Control+z")
    assert not corrector.mask().any()


def test_false_alarm_saves_an_empty_mask(corrector: Corrector, store: FeedbackStore) -> None:
    corrector.open(ONE, seed=12).begin("False alarm")
    expect(corrector.panel.get_by_label("Nothing found")).to_be_checked()
    corrector.say_how("I have the original")
    corrector.allow("Keep the picture and my correction")
    corrector.save()
    item = store.case(corrector.see_receipt()).item
    assert item.content is not None and item.content.verdict == "no_tampering_found"
    assert item.mask_sha256 is not None and not decode_mask_png(store.blob(item.mask_sha256)).any()


def test_looks_right_saves_the_engines_mask_and_verdict(corrector: Corrector, store: FeedbackStore) -> None:
    corrector.open(ONE, seed=13).begin("Looks right")
    corrector.say_how()
    corrector.allow("Keep the picture and my correction")
    corrector.page.keyboard.press("Control+s")
    item = store.case(corrector.see_receipt()).item
    assert item.content is not None and item.content.verdict == "tampered"
    assert item.mask_sha256 is not None
    assert (decode_mask_png(store.blob(item.mask_sha256)) == ONE).all()


def test_nothing_is_ticked_and_without_a_tick_only_ratings_leave_the_browser(
    corrector: Corrector, store: FeedbackStore
) -> None:
    corrector.open(ONE, seed=14).begin()
    saves = Saves(corrector.page)
    assert corrector.panel.locator("[type=checkbox]:checked").count() == 0
    assert corrector.panel.locator("[name=how]:checked").count() == 0
    expect(corrector.panel.locator("button.save")).to_have_text("Save ratings only")
    expect(corrector.panel).to_contain_text("no picture, no mask, no words")
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("Adds")
    corrector.keep()
    corrector.panel.locator(".overall label", has_text="2").click()
    corrector.save()
    code = corrector.see_receipt()
    sent = saves.bodies[0]["data"][1]
    assert sent["mask_rle"] is None and sent["prompts"]["clicks"] == [] and sent["overall_rating"] == 2
    item = store.case(code).item
    assert item.picture_sha256 is None and item.mask_sha256 is None


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda c: c.allow("Keep the picture and my correction"), "Say how you know"),
        (lambda c: c.click(350, 160), "Keep or drop the open proposal"),
        (
            lambda c: c.panel.locator(".seg label", has_text="Nothing found").click(),
            "goes with an empty mask",
        ),
    ],
    ids=["how", "proposal", "verdict"],
)
def test_what_is_missing_is_said_and_nothing_is_sent(
    corrector: Corrector, prepare: Callable[[Corrector], object], says: str
) -> None:
    corrector.open(ONE).begin()
    saves = Saves(corrector.page)
    prepare(corrector)
    corrector.save()
    expect(corrector.panel.get_by_role("alert")).to_contain_text(says)
    assert saves.bodies == []


def test_explanation_is_about_the_mask_as_drawn(corrector: Corrector) -> None:
    corrector.open(ONE).begin()
    note = corrector.panel.locator(".told")
    corrector.page.get_by_role("button", name="Explain this mask").click()
    expect(note).to_contain_text("One area")
    corrector.tool("Brush")
    corrector.drag((300, 270), (420, 270))
    expect(note).to_contain_text("before the last change")
    corrector.page.get_by_role("button", name="Explain this mask").click()
    expect(note).to_contain_text("Two areas")
    expect(note.locator("h3")).to_have_text("About your mask")


def test_keyboard_alone_corrects_and_saves(corrector: Corrector, store: FeedbackStore) -> None:
    page = corrector.open(ONE, seed=15).page
    page.locator(".turn").get_by_role("button", name="Fix this").focus()
    page.keyboard.press("Enter")
    corrector.see_correction()
    expect(corrector.visitor.stage).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    expect(corrector.offer).to_contain_text("Adds")
    page.keyboard.press("Enter")
    expect(corrector.offer).to_be_hidden()
    added = corrector.mask() & ~ONE
    columns = np.flatnonzero(added.any(axis=0))
    assert 240 < columns.mean() < 400 and added.sum() > 0.9 * around(240, 160).sum()
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    assert (corrector.mask() & ~ONE).sum() < added.sum()
    page.keyboard.press("Control+z")
    corrector.panel.locator("details.how summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    corrector.panel.locator("details.consent summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Control+s")
    item = store.case(corrector.see_receipt()).item
    assert item.content is not None and item.content.kept is not None
    assert item.content.kept.how_do_you_know == "made_the_edit"


def test_zoomed_clicks_land_on_the_pixel_under_the_pointer(corrector: Corrector) -> None:
    corrector.open(ONE).begin()
    x, y = corrector.at(350, 160)
    corrector.page.mouse.move(x, y)
    corrector.page.mouse.wheel(0, -500)
    expect(corrector.visitor.stage).to_have_attribute("data-zoomed", "")
    corrector.page.mouse.click(x, y)
    expect(corrector.offer).to_contain_text("Adds 1.2")
    corrector.keep()
    assert overlap(corrector.mask(), ONE | around(350, 160)) > 0.99


def test_a_late_answer_never_overwrites_a_newer_step(corrector: Corrector) -> None:
    corrector.open(ONE).begin()
    held = []
    corrector.page.route("**/component_server/**", lambda route: held.append(route))
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("Looking for the area")
    corrector.page.get_by_role("button", name="Clear the mask").click()
    corrector.page.wait_for_function("() => document.querySelector('.offer').hidden")
    assert len(held) == 1
    with corrector.page.expect_response("**/component_server/**"):
        held[0].continue_()
    expect(corrector.offer).to_be_hidden()
    assert not corrector.mask().any()


def test_proposal_is_drawn_otherwise_than_the_mask(corrector: Corrector, visitor: Visitor) -> None:
    corrector.open(ONE).begin()
    corrector.page.locator(".stage").focus()
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("Adds")
    shown = visitor.look()
    box = visitor.stage.bounding_box()
    assert box is not None
    x, y = corrector.at(350 + 16, 160 + 12)
    patch = shown[
        int(y - box["y"]) - 8 : int(y - box["y"]) + 8, int(x - box["x"]) - 8 : int(x - box["x"]) + 8
    ]
    sky = np.abs(patch - np.array([79, 209, 255])).max(axis=2) < 40
    assert sky.any(), "dots of the colour of an addition"
