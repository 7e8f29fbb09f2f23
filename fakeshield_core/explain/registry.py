"""The explainer of an app or a command, as its settings say."""

from __future__ import annotations

from collections.abc import Mapping

from fakeshield_core.explain.grounded import LANGUAGES, GroundedExplainer
from fakeshield_core.explain.offsets import read_offsets
from fakeshield_core.settings import Settings


def build_explainer(settings: Settings, language: str | None = None) -> GroundedExplainer:
    """One that follows what ratings taught, as far as the data folder holds it.

    Args:
        language: None is that of the settings.

    Raises:
        SettingsInvalid: there is no such language, or the file of offsets is damaged.
    """
    return GroundedExplainer(language or settings.language, read_offsets(settings.data_dir))


def build_explainers(settings: Settings) -> Mapping[str, GroundedExplainer]:
    """One for each language, by its code, all following the same ratings.

    Raises:
        SettingsInvalid: the file of offsets is damaged.
    """
    return {code: build_explainer(settings, code) for code in LANGUAGES}
