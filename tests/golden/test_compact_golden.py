"""The shipped weights give the stored answers of the example pictures.

Remade by `python -m fakeshield_core.synthesis.examples ui/examples --engine compact`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fakeshield_core import imaging
from fakeshield_core.domain import Engine
from fakeshield_core.engines.registry import build_engine
from fakeshield_core.files import read_picture
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.settings import Settings
from fakeshield_core.synthesis.examples import ExampleCard, load_cards

FOLDER = Path(__file__).resolve().parents[2] / "ui" / "examples"
CARDS = load_cards(FOLDER)
SCORE_TOLERANCE = 2e-3  # other processors order their sums otherwise
MAP_TOLERANCE = 0.5 / 255 + 2e-3  # the stored map has 8 bits


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine("compact", Settings(threads=1))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
def test_the_stored_answer_is_given_again(engine: Engine, card: ExampleCard) -> None:
    stored = json.loads((FOLDER / f"{card.id}.json").read_text())
    stored_map = imaging.decode_map_png((FOLDER / f"{card.id}.map.png").read_bytes())
    analysis = analyze_to_end(engine, read_picture(FOLDER / card.file))
    assert analysis.engine.weights == stored["engine"]["weights"]
    assert analysis.verdict == stored["verdict"]
    assert analysis.score == pytest.approx(stored["score"], abs=SCORE_TOLERANCE)
    assert analysis.band == pytest.approx(tuple(stored["band"]), abs=SCORE_TOLERANCE)
    assert analysis.soft_map is not None
    np.testing.assert_allclose(analysis.soft_map, stored_map, atol=MAP_TOLERANCE)
    assert len(analysis.regions) == len(stored["regions"])


def test_there_are_examples_of_every_kind() -> None:
    assert {card.kind for card in CARDS} >= {"authentic", "splice", "copy_move", "removal"}
