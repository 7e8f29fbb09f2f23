"""The page in Chinese, from the link in the head to a saved correction and its receipt."""

from __future__ import annotations

import re

from playwright.sync_api import FilePayload, expect

from feedback.store import FeedbackStore
from tests.e2e.correcting import Corrector
from tests.e2e.driver import Visitor, rectangle

WIDE = (320, 480)  # (height, width)
ONE = rectangle(WIDE, (60, 80, 200, 240))
SAID = """() => {
    const all = [...document.querySelectorAll(".head *, .page *")], said = ["aria-label", "title", "alt"];
    const shown = all.filter((node) => node.checkVisibility());
    const heard = shown.flatMap((node) => said.map((name) => node.getAttribute(name) ?? ""));
    const names = shown.filter((node) => node.matches("[lang=en], .limits .list, .facts dd"));
    return [names.map((node) => node.innerText), [document.body.innerText, ...heard]];
}"""
OVER = """(() => {
    const name = "fakeshield-carried", carried = JSON.parse(sessionStorage.getItem(name));
    if (carried) sessionStorage.setItem(name, JSON.stringify({ ...carried, id: "over" }));
})()"""
NAMES = {
    *("FakeShield", "JPEG", "PNG", "WebP", "TIFF", "JSON", "MB", "kB", "AI"),
    *("Shift", "Ctrl", "Esc", "picture", "png"),
}


def _english(visitor: Visitor) -> set[str]:
    """Latin words shown or heard, but for names, what the stub engine says and file facts."""
    names, said = visitor.page.evaluate(SAID)
    left = "\n".join(said)
    for name in sorted(names, key=len, reverse=True):
        left = left.replace(name, " ")
    return set(re.findall(r"[A-Za-z]{2,}", left)) - NAMES


def _in_chinese(visitor: Visitor) -> Corrector:
    page = visitor.page
    page.get_by_role("link", name="中文").click()
    page.wait_for_url("**/zh")
    expect(visitor.canvas).to_have_attribute("data-phase", "idle")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    return Corrector(visitor)


def test_story_in_chinese(visitor: Visitor, store: FeedbackStore) -> None:
    page = visitor.page
    corrector = _in_chinese(visitor)
    assert _english(visitor) == set()
    corrector.open(ONE, seed=51)
    expect(page.get_by_role("heading", name="发现篡改痕迹")).to_be_visible()
    expect(page.locator(".evid .tile").first).to_contain_text("元数据")
    assert _english(visitor) == set()
    page.locator(".evid .tile").nth(3).click()
    expect(page.locator(".evid .detail:visible")).to_contain_text("不能说明")
    corrector.begin("修正")
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("增加 1.2%")
    corrector.keep()
    corrector.page.get_by_role("button", name="解释这个遮罩").click()
    expect(corrector.panel.locator(".told")).to_contain_text("标记")
    corrector.say_how("我看到了痕迹")
    corrector.allow("用于训练模型")
    corrector.save()
    code = corrector.see_receipt()
    expect(page.locator(".receipt")).to_contain_text("15% → 16%")
    assert not _english(visitor) - set(re.findall(r"[A-Z]+", code))
    item = store.case(code).item
    assert item.content is not None and item.consent.train
    with page.context.expect_page() as opened:
        page.locator(".receipt .follow").click()
    receipt = opened.value
    expect(receipt.locator("html")).to_have_attribute("lang", "zh")
    expect(receipt.get_by_role("heading", level=1)).to_have_text("修正的去向")
    receipt.get_by_label("在公开数据集中发布").check()
    receipt.get_by_role("button", name="保存选择").click()
    expect(receipt.get_by_role("status")).to_have_text("你的选择已保存。")
    assert store.case(code).item.consent.publish
    assert visitor.problems == []


def test_a_file_that_is_no_picture_is_refused_in_chinese(visitor: Visitor) -> None:
    _in_chinese(visitor)
    paper: FilePayload = {"name": "invoice.jpg", "mimeType": "image/jpeg", "buffer": b"%PDF-1.7 paper"}
    visitor.choose(paper)
    zone = visitor.page.locator(".drop")
    expect(zone).to_contain_text("无法把这个文件当作图片读取")
    expect(zone).to_contain_text("“invoice.jpg” 的扩展名是 .jpg，内容却是PDF。请把页面另存为图片")


def test_the_answer_goes_along_to_the_other_language(visitor: Visitor) -> None:
    corrector = Corrector(visitor).open(ONE, seed=52)
    page = visitor.page
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", name="发现篡改痕迹")).to_be_visible()
    corrector.begin("修正")
    corrector.click(350, 160)
    expect(corrector.offer).to_contain_text("增加")
    corrector.keep()
    page.get_by_role("link", name="English").click()
    corrector.see_correction()
    expect(corrector.panel).to_contain_text("Yours 16")
    page.reload()
    expect(visitor.canvas).to_have_attribute("data-phase", "idle")
    assert visitor.problems == []


def test_the_code_of_a_correction_goes_along_and_the_next_one_replaces_it(
    visitor: Visitor, store: FeedbackStore
) -> None:
    corrector = Corrector(visitor).open(ONE, seed=53).begin("Looks right")
    corrector.say_how()
    corrector.allow("Keep the picture and my correction")
    corrector.save()
    first = corrector.see_receipt()
    visitor.page.get_by_role("link", name="中文").click()
    expect(visitor.page.locator(".turn-note")).to_contain_text(f"你的修正已保存，编号为 {first}。")
    corrector.begin("修正")
    corrector.say_how("我看到了痕迹")
    corrector.allow("保存图片和我的修正")
    corrector.save()
    second = store.case(corrector.see_receipt()).item
    assert second.receipt != first and second.supersedes == store.case(first).item.uuid


def test_a_picture_that_is_gone_does_not_go_along(visitor: Visitor) -> None:
    Corrector(visitor).open(ONE, seed=54)
    visitor.page.add_init_script(OVER)
    visitor.page.get_by_role("link", name="中文").click()
    expect(visitor.page.locator(".drop")).to_contain_text("这张图片已不在这里")
    expect(visitor.page.locator(".drop")).to_contain_text("图片只保留一小时，请重新选择。")


def test_an_example_goes_along_to_the_other_language(visitor: Visitor) -> None:
    page = visitor.page
    page.locator("[data-example]").first.click()
    visitor.see_result()
    page.get_by_role("link", name="中文").click()
    visitor.see_result()
    expect(page.locator(".about")).to_contain_text("早先得出并存好")


def test_the_way_back_to_english(visitor: Visitor) -> None:
    _in_chinese(visitor)
    visitor.page.get_by_role("link", name="English").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("See whether a picture was altered")
    expect(visitor.page.locator("html")).to_have_attribute("lang", "en")
