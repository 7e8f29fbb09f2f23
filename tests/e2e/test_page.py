"""The page in a browser, with the stub engine: what a visitor does, and sees."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from fakeshield_core.imaging import decode_map_png, decode_mask_png
from fakeshield_core.provenance import ROOT
from tests.e2e.driver import Visitor, as_file, changed, forged, overlap, rectangle, untouched
from tests.fakes import encoded
from ui import intake

WIDE = (320, 480)  # (height, width)
ONE = rectangle(WIDE, (60, 80, 200, 240))
TWO = ONE | rectangle(WIDE, (300, 200, 380, 290))


def test_mask_is_drawn_exactly_over_the_forged_area(visitor: Visitor) -> None:
    visitor.choose(as_file(forged(TWO)))
    visitor.see_result()
    expect(visitor.page.locator(".verdict")).to_contain_text("Tampering found")
    expect(visitor.page.locator(".verdict")).to_contain_text("0.90")
    assert overlap(visitor.drawn(), visitor.on_screen(TWO)) > 0.9


def test_mask_of_a_turned_photo_lies_where_the_visitor_sees_the_forgery(visitor: Visitor) -> None:
    stored = np.rot90(forged(ONE))  # a camera held upright stores the picture lying; EXIF 6 says so
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = encoded(np.ascontiguousarray(stored), "JPEG", quality=95, subsampling=0, exif=exif)
    visitor.choose({"name": "turned.jpg", "mimeType": "image/jpeg", "buffer": data})
    visitor.see_result()
    expect(visitor.page.locator(".facts-line")).to_contain_text("480 × 320")
    assert overlap(visitor.drawn(), visitor.on_screen(ONE)) > 0.9


def test_layers_change_what_the_stage_shows(visitor: Visitor) -> None:
    visitor.choose(as_file(forged(ONE)))
    visitor.see_result()
    seen = {}
    for name in ("Photo", "Map", "Noise", "Error level"):
        visitor.layer(name).click()
        expect(visitor.layer(name)).to_have_attribute("aria-checked", "true")
        seen[name] = visitor.look()
    names = list(seen)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            assert changed(seen[one], seen[other]).mean() > 0.2, (one, other)


def test_opacity_acts_on_the_map(visitor: Visitor) -> None:
    visitor.choose(as_file(untouched(*WIDE)))
    visitor.see_result()
    expect(visitor.layer("Map")).to_have_attribute("aria-checked", "true")
    visitor.page.get_by_label("Opacity").fill("0")
    clear = visitor.look()
    visitor.page.get_by_label("Opacity").fill("100")
    assert changed(clear, visitor.look()).mean() > 0.5
    visitor.layer("Photo").click()
    assert not changed(clear, visitor.look()).any()


def test_tag_and_tile_and_region_light_together(visitor: Visitor) -> None:
    visitor.choose(as_file(forged(TWO)))
    visitor.see_result()
    before = visitor.look()
    tag = visitor.page.locator(".tag[data-region='2']")
    tag.hover()
    expect(tag).to_have_class(re.compile("lit"))
    expect(visitor.page.locator(".tag[data-region='1']")).not_to_have_class(re.compile("lit"))
    lit = changed(before, visitor.look())
    second = visitor.on_screen(TWO & ~ONE)
    assert lit[second].mean() > 0.2
    assert lit[visitor.on_screen(ONE)].mean() < 0.01


def test_hovering_a_claim_lights_its_region(visitor: Visitor) -> None:
    picture = forged(ONE)
    noisy = rectangle(WIDE, (66, 86, 194, 234))  # inside the mark, still magenta to the stub, but not smooth
    picture[noisy, 1] = np.random.default_rng(3).integers(0, 50, int(noisy.sum()))
    visitor.choose(as_file(picture))
    visitor.see_result()
    claim = visitor.page.locator(".claim[data-region='1']").first
    if not claim.count():
        pytest.skip("the explainer made no claim about this region; nothing to hover")
    before = visitor.look()
    claim.hover()
    expect(claim).to_have_class(re.compile("lit"))
    expect(visitor.page.locator(".tag[data-region='1']")).to_have_class(re.compile("lit"))
    assert changed(before, visitor.look())[visitor.on_screen(ONE)].mean() > 0.2


def test_wheel_zooms_about_the_pointer_and_zero_fits(visitor: Visitor) -> None:
    visitor.choose(as_file(forged(ONE)))
    visitor.see_result()
    visitor.stage.focus()
    fitted = visitor.look()
    visitor.stage.hover(position={"x": 250, "y": 200})
    visitor.page.mouse.wheel(0, -400)
    expect(visitor.stage).to_have_attribute("data-zoomed", "")
    assert changed(fitted, visitor.look()).mean() > 0.2
    visitor.page.keyboard.press("0")
    expect(visitor.stage).not_to_have_attribute("data-zoomed", "")
    assert not changed(fitted, visitor.look()).any()


def test_keyboard_alone_opens_reads_and_leaves_a_result(visitor: Visitor) -> None:
    button = visitor.page.get_by_role("button", name="Choose a picture")
    button.focus()
    expect(button).to_be_focused()
    with visitor.page.expect_file_chooser() as chooser:
        visitor.page.keyboard.press("Enter")
    chooser.value.set_files(as_file(forged(ONE)))
    visitor.see_result()
    visitor.layer("Photo").focus()
    visitor.page.keyboard.press("ArrowRight")
    expect(visitor.layer("Map")).to_be_focused()
    visitor.stage.focus()
    visitor.page.keyboard.press("v")
    expect(visitor.layer("Error level")).to_have_attribute("aria-checked", "true")
    visitor.page.keyboard.press("+")
    expect(visitor.stage).to_have_attribute("data-zoomed", "")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.locator(".tag").first).to_be_focused()
    expect(visitor.page.locator(".tag").first).to_have_class(re.compile("lit"))
    visitor.page.get_by_role("button", name="New picture").focus()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("button", name="Choose a picture")).to_be_focused()


def test_pressed_tile_tells_what_it_cannot_show_and_opens_its_layer(visitor: Visitor) -> None:
    visitor.choose(as_file(forged(ONE)))
    visitor.see_result()
    tile = visitor.page.locator("button.tile", has_text="Noise")
    tile.click()
    expect(visitor.page.locator("#ev-noise")).to_be_visible()
    expect(visitor.page.locator("#ev-noise")).to_contain_text("Cannot show")
    expect(visitor.layer("Noise")).to_have_attribute("aria-checked", "true")
    tile.click()
    expect(visitor.page.locator("#ev-noise")).to_be_hidden()


def test_layer_of_a_pressed_tile_is_in_sight_in_its_bar(visitor: Visitor) -> None:
    """With all eight layers, whose bar is longer than its room once the legend stands beside it."""
    data = (ROOT / "ui/examples/copied.jpg").read_bytes()
    visitor.choose({"name": "copied.jpg", "mimeType": "image/jpeg", "buffer": data})
    visitor.see_result()
    visitor.page.locator("button.tile[data-layer]").last.click()
    bar, chosen = (
        visitor.page.locator(part).bounding_box()
        for part in (".layer-choice", '.layer-choice [aria-checked="true"]')
    )
    assert bar is not None and chosen is not None
    assert bar["x"] <= chosen["x"] and chosen["x"] + chosen["width"] <= bar["x"] + bar["width"]


def test_broken_file_is_refused_in_place_and_the_next_one_works(visitor: Visitor) -> None:
    visitor.choose({"name": "invoice.jpg", "mimeType": "image/jpeg", "buffer": b"%PDF-1.7 not a picture"})
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_contain_text("This file could not be read as a picture")
    expect(alert).to_contain_text("PDF")
    expect(visitor.page.get_by_role("button", name="Choose a picture")).to_be_focused()
    visitor.choose(as_file(untouched(*WIDE), "fine.png"))
    visitor.see_result()
    expect(visitor.page.locator(".verdict")).to_contain_text("No tampering found")


def test_file_over_the_limit_is_refused_before_it_is_sent(visitor: Visitor) -> None:
    visitor.page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(26 * 1024 * 1024)], "huge.tif", { type: "image/tiff" }));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }"""
    )
    expect(visitor.page.get_by_role("alert")).to_contain_text("26.0 MB; the limit is 25")
    assert not [url for url in visitor.requested if "upload" in url]


def test_an_upload_for_which_the_disk_has_no_room_is_refused_in_words(
    visitor: Visitor,
) -> None:
    answer = {"detail": intake.NO_ROOM}  # as `RoomForUploads` gives it (tests/unit/test_intake.py)
    visitor.page.route("**/upload**", lambda route: route.fulfill(status=507, json=answer))
    visitor.choose(as_file(untouched(*WIDE), "mine.png"))
    expect(visitor.page.get_by_role("alert")).to_contain_text(
        "“mine.png” was not taken: the disk of this server is nearly full. Try again later"
    )
    visitor.page.unroute("**/upload**")
    visitor.choose(as_file(untouched(*WIDE), "mine.png"))
    visitor.see_result()


def test_small_picture_is_inconclusive_and_says_what_would_help(visitor: Visitor) -> None:
    visitor.choose(as_file(untouched(40, 60), "tiny.png"))
    visitor.see_result()
    expect(visitor.page.locator(".verdict")).to_contain_text("Cannot tell")
    expect(visitor.page.locator(".why")).to_contain_text("A larger version: this one is 60 × 40")


def test_downloads_are_the_result_its_mask_and_its_map(visitor: Visitor, tmp_path: Path) -> None:
    visitor.choose(as_file(forged(ONE), "launch.png"))
    visitor.see_result()
    saved = {}
    for name in ("Result", "Mask", "Map"):
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("link", name=f"Save: {name}").click()
        saved[name] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[name])
    assert json.loads(saved["Result"].read_bytes())["verdict"] == "tampered"
    assert saved["Mask"].name == "launch.mask.png"
    assert np.array_equal(decode_mask_png(saved["Mask"].read_bytes()), ONE)
    assert np.array_equal(decode_map_png(saved["Map"].read_bytes()) > 0.5, ONE)


def test_pasted_and_dropped_files_are_analysed(visitor: Visitor) -> None:
    give = """([kind, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], kind + ".png", { type: "image/png" }));
        const event = kind === "paste" ? new ClipboardEvent("paste", { clipboardData: data, bubbles: true })
            : new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
    }"""
    for kind in ("paste", "drop"):
        visitor.page.evaluate(give, [kind, list(encoded(untouched(64, 96)))])
        expect(visitor.page.locator(".opt .name")).to_have_text(f"{kind}.png")
        visitor.see_result()


def test_two_people_do_not_see_each_others_picture(visitor: Visitor, browser: Browser) -> None:
    context = browser.new_context()
    other = Visitor(context.new_page(), visitor.address).arrive()
    left, right = rectangle(WIDE, (20, 20, 160, 300)), rectangle(WIDE, (330, 20, 470, 300))
    visitor.choose(as_file(forged(left, seed=1), "mine.png"))
    other.choose(as_file(forged(right, seed=2), "yours.png"))
    for person, mask, name in ((visitor, left, "mine.png"), (other, right, "yours.png")):
        person.see_result()
        expect(person.page.locator(".opt .name")).to_have_text(name)
        assert overlap(person.drawn(), person.on_screen(mask)) > 0.9
    context.close()


def test_page_asks_nothing_of_other_hosts(visitor: Visitor) -> None:
    visitor.choose(as_file(forged(ONE)))
    visitor.see_result()
    outside = [url for url in visitor.requested if not url.startswith((visitor.address, "blob:", "data:"))]
    assert outside == []
    assert visitor.problems == []


def test_theme_follows_the_button_and_stays(visitor: Visitor) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = visitor.page.evaluate(ground)
    visitor.page.get_by_role("button", name="Light or dark").click()
    dark = visitor.page.evaluate(ground)
    assert dark != light
    visitor.page.reload()
    expect(visitor.canvas).to_have_attribute("data-phase", "idle")
    assert visitor.page.evaluate(ground) == dark


@pytest.mark.parametrize("is_open", [False, True], ids=["first screen", "result"])
def test_phone_page_does_not_scroll_sideways(phone: Visitor, is_open: bool) -> None:
    if is_open:
        phone.choose(as_file(forged(TWO)))
        phone.see_result()
        assert overlap(phone.drawn(), phone.on_screen(TWO)) > 0.8
    assert phone.page.evaluate("() => document.documentElement.scrollWidth") == 390
    for box in (
        node.bounding_box()
        for node in phone.page.locator("button:visible:not(.layer-choice *), a:visible").all()
    ):
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_refusal_fits_into_the_drop_zone_of_a_phone(phone: Visitor) -> None:
    zone = phone.page.locator(".drop")
    before = zone.bounding_box()
    phone.choose({"name": "invoice.jpg", "mimeType": "image/jpeg", "buffer": b"%PDF-1.7 not a picture"})
    expect(phone.page.get_by_role("alert")).to_be_visible()
    assert zone.bounding_box() == before
    assert before is not None
    for part in (".why-head", ".why-line", ".choose"):
        box = zone.locator(part).bounding_box()
        assert box is not None
        assert before["y"] < box["y"] and box["y"] + box["height"] < before["y"] + before["height"]


def test_link_to_the_limits_stays_on_the_page(visitor: Visitor) -> None:
    visitor.choose(as_file(forged(ONE)))
    visitor.see_result()
    visitor.page.locator(".verdict").get_by_role("link", name="How often is this wrong?").click()
    expect(visitor.page.locator("#limits")).to_be_focused()
    expect(visitor.page.locator("#limits")).to_contain_text("Everything that is not painted magenta")
    expect(visitor.page.locator(".verdict")).to_contain_text("Tampering found")
