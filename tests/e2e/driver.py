"""What a visitor does and sees, in words; every step waits for what it causes."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from fakeshield_core.domain import BoolMask, BoxXyxy, RgbImage
from tests.fakes import encoded, textured

CHANGED = 8  # grey levels; more than this between two screenshots is something drawn


def untouched(height: int, width: int, seed: int = 0) -> RgbImage:
    """A textured picture in which the stub engine sees nothing: no green is as low as in its mark."""
    picture = textured(height, width, seed=seed)
    picture[..., 1] = np.maximum(picture[..., 1], 90)
    return picture


def forged(mask: BoolMask, seed: int = 1) -> RgbImage:
    """A textured picture in which the stub engine sees tampering exactly where the mask says."""
    picture = untouched(*mask.shape, seed=seed)
    picture[mask] = (255, 0, 255)
    return picture


def rectangle(shape_hw: tuple[int, int], box: BoxXyxy) -> BoolMask:
    """A mask that is True inside the box."""
    mask = np.zeros(shape_hw, np.bool_)
    x0, y0, x1, y1 = box
    mask[y0:y1, x0:x1] = True
    return mask


def as_file(rgb: RgbImage, name: str = "picture.png") -> FilePayload:
    """The picture as a file to choose."""
    return {"name": name, "mimeType": "image/png", "buffer": encoded(rgb)}


@dataclass
class Visitor:
    """One person at the page."""

    page: Page
    address: str
    requested: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def arrive(self) -> Visitor:
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        # interception is on before the page loads: switched on by the wait alone, it once came too late
        self.page.on("filechooser", lambda _: None)
        self.page.goto(self.address)
        expect(self.canvas).to_have_attribute("data-phase", "idle")
        return self

    @property
    def canvas(self) -> Locator:
        return self.page.locator(".fs")

    @property
    def stage(self) -> Locator:
        return self.page.locator(".stage")

    def choose(self, file: FilePayload) -> None:
        self.page.set_input_files("input.file", file)

    def see_result(self) -> None:
        """Waits for the finished result with all its layers."""
        expect(self.canvas).to_have_attribute("data-phase", "done")
        expect(self.page.locator(".layer-choice button").nth(3)).to_be_visible()
        expect(self.page.locator(".layer-choice button:disabled")).to_have_count(0)

    def layer(self, name: str) -> Locator:
        return self.page.get_by_role("radio", name=name, exact=True)

    def look(self) -> npt.NDArray[np.int16]:
        """What the stage shows, after the next frame was drawn; (H, W, 3)."""
        self.page.evaluate(
            "() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))"
        )
        picture = Image.open(io.BytesIO(self.stage.screenshot(animations="disabled")))
        return np.asarray(picture.convert("RGB"), np.int16)

    def drawn(self) -> BoolMask:
        """Where the mask is drawn on the stage, (H, W) screen pixels: shown against hidden."""
        self.page.add_style_tag(content=".tags { visibility: hidden }")
        self.stage.focus()
        self.page.keyboard.press("Shift")  # the focus ring comes with the first key
        shown = self.look()
        self.page.keyboard.down("h")
        expect(self.stage).to_have_attribute("data-covered", "true")
        hidden = self.look()
        self.page.keyboard.up("h")
        expect(self.stage).to_have_attribute("data-covered", "false")
        return changed(shown, hidden)

    def on_screen(self, mask: BoolMask) -> BoolMask:
        """The mask of a picture as it lies on the stage while the picture is fitted, (H, W) screen pixels."""
        room = self.stage.bounding_box()
        assert room is not None
        height, width = mask.shape
        scale = min(room["width"] / width, room["height"] / height)
        left, top = (room["width"] - width * scale) / 2, (room["height"] - height * scale) / 2
        rows = ((np.arange(round(room["height"])) + 0.5 - top) / scale).astype(int)
        columns = ((np.arange(round(room["width"])) + 0.5 - left) / scale).astype(int)
        seen = np.zeros((rows.size, columns.size), np.bool_)
        inside = np.ix_((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
        seen[inside] = mask[
            np.ix_(rows[(rows >= 0) & (rows < height)], columns[(columns >= 0) & (columns < width)])
        ]
        return seen


def changed(one: npt.NDArray[np.int16], other: npt.NDArray[np.int16]) -> BoolMask:
    """Where two screenshots differ."""
    return np.asarray(np.abs(one - other).max(axis=2) > CHANGED)


def overlap(one: BoolMask, other: BoolMask) -> float:
    """Intersection over union, 0..1."""
    return float((one & other).sum() / max(1, (one | other).sum()))
