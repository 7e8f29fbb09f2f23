"""Example pictures with the answers an engine gave in advance."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fakeshield_core.domain import Analysis
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.imaging import decode_map_png
from fakeshield_core.schema import analysis_from_json
from fakeshield_core.synthesis.examples import ExampleCard, load_cards

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "examples"
ADDRESS = "examples"  # where the folder is served


@dataclass(frozen=True, slots=True)
class Example:
    """One example, ready to be shown."""

    card: ExampleCard
    analysis: Analysis
    peak: float | None  # of the map, 0..1
    picture: Path
    map_file: Path | None = None  # PNG of the picture's size

    @property
    def address(self) -> str:
        """Of the picture, relative to the page."""
        return f"{ADDRESS}/{self.card.file}"

    @property
    def map_address(self) -> str | None:
        """Of the stored map."""
        return None if self.peak is None else f"{ADDRESS}/{self.card.id}.map.png"

    @property
    def result_address(self) -> str:
        """Of the stored result."""
        return f"{ADDRESS}/{self.card.id}.json"


def read_examples(folder: Path = FOLDER) -> Mapping[str, Example]:
    """The examples of a folder by id, as listed; those without a stored answer are left out."""
    try:
        cards = load_cards(folder)
    except FakeShieldError as error:
        log.warning("no examples: %s", error)
        return {}
    found: dict[str, Example] = {}
    for card in cards:
        try:
            found[card.id] = _read(folder, card)
        except (OSError, ValueError, FakeShieldError) as error:
            log.warning("example %s left out: %s", card.id, error)
    return found


def _read(folder: Path, card: ExampleCard) -> Example:
    analysis = analysis_from_json(json.loads((folder / f"{card.id}.json").read_bytes()))
    map_file = folder / f"{card.id}.map.png"
    peak = float(decode_map_png(map_file.read_bytes()).max()) if map_file.is_file() else None
    return Example(card, analysis, peak, folder / card.file, None if peak is None else map_file)
