"""The README is true: settings, commands, paths and numbers are those of code and committed results."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from bench.readme import card_text, newest, readme_text, weights_card_text
from fakeshield_core.__main__ import build_parser
from fakeshield_core.checkpoints.compact import CARD, SHIPPED
from fakeshield_core.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
needs_results = pytest.mark.skipif(
    not list((ROOT / "bench" / "results").glob("dev-*.json")),
    reason="no results on the development pictures are committed yet; run bench.baselines, then bench.readme",
)
README = (ROOT / "README.md").read_text()


def test_it_fits_in_two_hundred_lines() -> None:
    assert len(README.splitlines()) <= 200


def test_every_setting_is_told_with_its_help_and_default() -> None:
    told = dict(re.findall(r"^\| `(FAKESHIELD_\w+)` \| .* \| (.*) \|$", README, re.MULTILINE))
    assert set(told) == {PREFIX + f.name.upper() for f in fields(Settings)}
    for f in fields(Settings):
        if f.default is not None:
            assert told[PREFIX + f.name.upper()] == f"`{f.default}`"


def test_every_command_is_told() -> None:
    parser = build_parser()
    subcommands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name in subcommands.choices:
        assert f"python -m fakeshield_core {name}" in README, name


def test_every_make_target_is_told() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    row = re.search(r"^\| (`make .*?) \|", README, re.MULTILINE)
    assert targets is not None and row is not None
    assert set(re.findall(r"`(?:make )?(\w+)`", row[1])) == set(targets[1].split())


def test_every_path_of_the_map_exists() -> None:
    section = README.partition("## Where things are")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert len(cells) > 5
    for cell in cells:
        folder = Path()
        for name in re.findall(r"`([^`]+)`", cell):
            path = Path(name) if (ROOT / name).exists() else folder / name
            assert (ROOT / path).exists(), name
            folder = path.parent


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#h][^)]*)\)", README))
def test_every_link_inside_the_repository_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@needs_results
def test_its_numbers_are_those_of_the_newest_results() -> None:
    assert readme_text(README) == README
    card = (ROOT / "docs" / "MODEL_CARD.md").read_text()
    assert card_text(card) == card
    beside = (SHIPPED / CARD).read_text()
    assert weights_card_text(beside) == beside


def test_a_text_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="is missing"):
        readme_text("no marks")


@needs_results
def test_the_results_are_those_of_the_shipped_weights() -> None:
    card = json.loads((SHIPPED / CARD).read_text())
    document = json.loads(newest("dev").read_text())
    assert document["engine"]["engine"]["weights"] == card["sha256"][:12]
    assert json.loads(newest("robustness").read_text())["weights"] == card["sha256"][:12]
