"""Shared fixtures: where the development pictures are, and a skip with its reason where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared_dev() -> Path:
    """The folder of development pictures; skips where it is absent."""
    folder = SHARED / "data" / "dev"
    if not (folder / "manifest.csv").is_file():
        pytest.skip("the development pictures may not be shipped; this test needs ../shared/data/dev")
    return folder
