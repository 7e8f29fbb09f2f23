"""Who chooses the language of explanations: the setting, the option of `analyze`, the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fakeshield_core import masks
from fakeshield_core.__main__ import main
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import SettingsInvalid
from fakeshield_core.explain import GroundedExplainer
from fakeshield_core.explain.grounded import LANGUAGES
from fakeshield_core.segmenters.stub import StubSegmenter
from fakeshield_core.settings import LANGUAGES as SETTABLE
from fakeshield_core.settings import Settings
from tests.fakes import encoded, marked, textured
from ui.api import Api
from ui.cases import Cases
from ui.embedder import Embedder
from ui.handlers import Handlers
from ui.host import EngineHost
from ui.lane import Lane
from ui.language import speaking
from ui.saving import Saving
from ui.state import Asked
from ui.visits import Visits


def test_the_languages_that_can_be_set_are_those_that_are_spoken() -> None:
    assert tuple(LANGUAGES) == SETTABLE


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="en or zh, not in 'fr'"):
        GroundedExplainer("fr")
    with pytest.raises(SettingsInvalid, match="FAKESHIELD_LANGUAGE must be en or zh, not 'fr'"):
        Settings.from_environment({"FAKESHIELD_LANGUAGE": "fr"})


@pytest.mark.parametrize(
    ("setting", "option", "language"),
    [
        (None, [], "en"),
        ("zh", [], "zh"),
        (None, ["--language", "zh"], "zh"),
        ("zh", ["--language", "en"], "en"),
    ],
)
def test_analyze_explains_in_the_language_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    setting: str | None,
    option: list[str],
    language: str,
) -> None:
    (tmp_path / "p.png").write_bytes(encoded(marked(textured(96, 128), 32, 32, 40, 40)))
    monkeypatch.delenv("FAKESHIELD_LANGUAGE", raising=False)
    if setting is not None:
        monkeypatch.setenv("FAKESHIELD_LANGUAGE", setting)
    assert main(["analyze", str(tmp_path / "p.png"), "--engine", "stub", *option, "--json"]) == 0
    explanation = json.loads(capsys.readouterr().out)["explanation"]
    assert explanation["language"] == language
    assert ("区域" in explanation["text"]) == (language == "zh")


def test_the_page_explains_in_the_language_asked_for(tmp_path: Path) -> None:
    host, embedder = EngineHost(StubEngine), Embedder(StubSegmenter)
    host.start()
    visits, cases = Visits(tmp_path), Cases(embedder)
    page = Handlers(host, Lane(1), visits, {}, cases)
    upload = visits.folder / "0f" / "p.png"
    upload.parent.mkdir()
    upload.write_bytes(encoded(marked(textured(96, 128), 32, 32, 40, 40)))
    with speaking("zh"):
        result, _, _ = page.analyse_file(str(upload))
        views = list(page.analyse(Asked(run="r", name="p.png", path=str(upload))))
    api = Api(cases, Saving(lambda: pytest.fail("nothing is saved here")))
    with speaking("zh"):
        answer = api.explain(result["case_id"], masks.encode_rle(np.ones((96, 128), np.bool_)))
    embedder.close()
    assert isinstance(result["explanation"], dict) and result["explanation"]["language"] == "zh"
    assert views[-1].explanation is not None and views[-1].explanation.language == "zh"
    assert str(answer["text"]).startswith("标记了一处区域，几乎遍及整个画面")
