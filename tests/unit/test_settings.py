"""Settings: defaults, parsing, and refusals that name the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakeshield_core.errors import SettingsInvalid
from fakeshield_core.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings(engine="compact", data_dir=Path("data"))


def test_each_field_is_read_from_its_variable() -> None:
    read = Settings.from_environment(
        {"FAKESHIELD_ENGINE": "stub", "FAKESHIELD_DATA_DIR": "/x", "FAKESHIELD_THREADS": "3"}
    )
    assert (read.engine, read.data_dir, read.threads) == ("stub", Path("/x"), 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FAKESHIELD_ENGIN", "compact"),
        ("FAKESHIELD_THREADS", "many"),
        ("FAKESHIELD_THREADS", "0"),
        ("FAKESHIELD_QUEUE_SIZE", "100000"),
        ("FAKESHIELD_DATA_DIR", " "),
        ("FAKESHIELD_REVIEW_TOKEN", "short"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        Settings.from_environment({name: value})


def test_other_variables_are_none_of_our_business() -> None:
    assert Settings.from_environment({"HOME": "/root", "GRADIO_SERVER_PORT": "7861"}) == Settings()


def test_every_setting_says_what_it_is() -> None:
    from dataclasses import fields

    assert all(f.metadata["help"] for f in fields(Settings))
