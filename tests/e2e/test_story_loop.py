"""The whole loop in the browser: correct, accept, retrain, promote, see the new adapter, go back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from feedback.store import FOLDER, FeedbackStore
from finetune.base import FREE
from tests.e2e.correcting import Corrector
from tests.e2e.driver import Visitor
from tests.planted import planted
from tests.retrain_story import ROOT, environment, finetune, retrain_and_promote, roll_back
from tests.serving import served

pytestmark = pytest.mark.timeout(1500)  # it retrains: about 60 CPU-seconds, more where the cores are shared

SWAP_LIMIT_S = 60.0  # ten seconds on an idle machine
EITHER = re.compile("Fix this|Mark a missed area")  # which of them depends on the verdict
OTHERS, OURS = FREE[1:], FREE[0]


def adapter_in_use(address: str) -> str | None:
    with urllib.request.urlopen(f"{address}readyz", timeout=30) as answer:
        adapter: str | None = json.load(answer)["adapter"]
        return adapter


def wait_for_adapter(address: str, digest: str | None) -> None:
    deadline = time.monotonic() + SWAP_LIMIT_S
    while adapter_in_use(address) != digest:
        assert time.monotonic() < deadline, f"the app still serves {adapter_in_use(address)}"


def analyse(visitor: Visitor) -> None:
    """Shows the app a picture of the shifted domain."""
    file = {"name": "ours.jpg", "mimeType": "image/jpeg", "buffer": planted(OURS).data}
    visitor.choose(file)
    visitor.see_result()


def named_adapter(visitor: Visitor, words: str) -> None:
    expect(visitor.page.locator("body")).to_contain_text(words)


def accept(data_dir: Path, receipt: str) -> None:
    command = [sys.executable, "-m", "feedback", "review", "--accept", receipt]
    done = subprocess.run(command, cwd=ROOT, env=environment(data_dir), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_story_of_the_loop(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path, engine="compact", FAKESHIELD_THREADS="1") as address:
        data_dir = tmp_path / "data"
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        visitor = Visitor(page, address).arrive()
        analyse(visitor)
        named_adapter(visitor, "Adapternone")

        mask = planted(OURS).mask
        corrector = Corrector(visitor, (mask.shape[0], mask.shape[1]))
        visitor.page.locator(".turn").get_by_role("button", name=EITHER).first.click()
        corrector.see_correction()
        rows, columns = np.nonzero(mask)
        corrector.click(float(np.median(columns)), float(np.median(rows)))
        expect(corrector.offer).to_contain_text("Adds")
        corrector.keep()
        corrector.panel.locator(".overall label", has_text="2").click()
        corrector.say_how("I made the edit")
        corrector.allow("Use them to train the model")
        corrector.save()
        receipt = corrector.see_receipt()

        accept(data_dir, receipt)
        with FeedbackStore.open(data_dir / FOLDER) as store:
            assert store.case(receipt).item.state == "accepted"

        digest = retrain_and_promote(data_dir, "--steps", "60", groups=OTHERS)
        wait_for_adapter(address, digest)
        visitor.arrive()
        analyse(visitor)
        named_adapter(visitor, digest)
        with FeedbackStore.open(data_dir / FOLDER) as store:
            assert digest in store.case(receipt).adapters

        code, status = finetune(data_dir, "status")
        assert code == 0 and status["champion"] == digest

        assert roll_back(data_dir) is None
        wait_for_adapter(address, None)
        visitor.arrive()
        analyse(visitor)
        named_adapter(visitor, "Adapternone")
        assert visitor.problems == []
        page.close()


def test_the_readme_shows_the_commands_of_the_story() -> None:
    section = (ROOT / "README.md").read_text().partition("## The loop")[2].partition("\n## ")[0]
    block = section.partition("```sh")[2].partition("```")[0]
    shown = re.findall(r"python -m (feedback|finetune) (\w+)", block)
    assert shown == [
        ("feedback", "review"),
        *(("finetune", name) for name in ("run", "status", "promote", "rollback")),
    ]
