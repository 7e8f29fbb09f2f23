"""Settings: the only reader of FAKESHIELD_* environment variables. Built once, passed down in pieces."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

from fakeshield_core.errors import SettingsInvalid

PREFIX = "FAKESHIELD_"
MIN_TOKEN = 16  # characters; fewer could be guessed
LANGUAGES = ("en", "zh")  # those of `fakeshield_core.explain`, which is too heavy to be imported here


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator may set; field `data_dir` is read from `FAKESHIELD_DATA_DIR`, and so on."""

    engine: str = field(default="compact", metadata={"help": "name of the engine that answers"})
    data_dir: Path = field(default=Path("data"), metadata={"help": "folder for everything the app writes"})
    database_url: str | None = field(
        default=None,
        metadata={"help": "SQLAlchemy URL for feedback rows (default: SQLite in DATA_DIR)", "kind": str},
    )
    weights_dir: Path | None = field(
        default=None,
        metadata={"help": "folder of downloaded weights (default: DATA_DIR/weights)", "kind": Path},
    )
    sam_checkpoint: Path | None = field(
        default=None,
        metadata={"help": "SAM checkpoint that answers clicks (default: our own decoder)", "kind": Path},
    )
    review_token: str | None = field(
        default=None,
        metadata={"help": "secret of 16 or more characters that opens /review (default: none)", "kind": str},
    )
    precision: str = field(
        default="auto", metadata={"help": "auto, fp32, fp16, bf16, int8 or nf4, for language-model engines"}
    )
    language: str = field(
        default="en",
        metadata={"help": "language of the page at / and of explanations made of measurements: en or zh"},
    )
    threads: int = field(default=2, metadata={"help": "CPU threads for one analysis, 1..64"})
    queue_size: int = field(default=20, metadata={"help": "people who may wait at once, 1..1000"})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Settings as the environment gives them.

        Raises:
            SettingsInvalid: a FAKESHIELD_ variable is unknown or its value cannot be used.
        """
        given = os.environ if environment is None else environment
        known = {PREFIX + f.name.upper(): f for f in fields(cls)}
        unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in known)
        if unknown:
            raise SettingsInvalid(
                f"{unknown[0]} is not a setting; known ones are {', '.join(sorted(known))}."
            )
        values: dict[str, object] = {}
        for name, spec in known.items():
            if name in given:
                values[spec.name] = _parsed(name, given[name], spec.metadata.get("kind", type(spec.default)))
        settings = cls(**values)  # type: ignore[arg-type]  # each value was parsed to its field's type
        settings._check()
        return settings

    def _check(self) -> None:
        limits = {"threads": (1, 64), "queue_size": (1, 1000)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise SettingsInvalid(f"{PREFIX}{name.upper()} must be between {low} and {high}.")
        if self.language not in LANGUAGES:
            raise SettingsInvalid(
                f"{PREFIX}LANGUAGE must be {' or '.join(LANGUAGES)}, not {self.language!r}."
            )
        if self.review_token is not None and len(self.review_token) < MIN_TOKEN:
            raise SettingsInvalid(f"{PREFIX}REVIEW_TOKEN must have at least {MIN_TOKEN} characters.")


def _parsed(name: str, text: str, kind: type) -> object:
    if kind is int:
        try:
            return int(text)
        except ValueError as error:
            raise SettingsInvalid(f"{name} must be a whole number, not {text!r}.") from error
    if not text.strip():
        raise SettingsInvalid(f"{name} is empty; unset it or give it a value.")
    return Path(text) if issubclass(kind, Path) else text
