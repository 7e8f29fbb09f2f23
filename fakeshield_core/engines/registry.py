"""The engines by name. A plain dict of builders; each imports its own heavy parts when called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fakeshield_core.domain import Engine
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.settings import Settings

Builder = Callable[[Settings, Path | None], Engine]


def _compact(settings: Settings, adapter: Path | None) -> Engine:
    from fakeshield_core.engines.compact import build

    return build(threads=settings.threads, adapter=adapter)


def _stub(settings: Settings, adapter: Path | None) -> Engine:
    from fakeshield_core.engines.stub import StubEngine

    return StubEngine()


def _fakeshield(settings: Settings, adapter: Path | None) -> Engine:
    from fakeshield_core.engines.fakeshield import build

    return build(settings, adapter)


BUILDERS: dict[str, Builder] = {"compact": _compact, "fakeshield": _fakeshield, "stub": _stub}


def build_engine(name: str, settings: Settings, adapter: Path | None = None) -> Engine:
    """The engine of that name, ready to answer.

    Raises:
        EngineUnavailable: no engine has this name, or its weights or device are missing.
    """
    builder = BUILDERS.get(name)
    if builder is None:
        raise EngineUnavailable(
            f"There is no engine named {name!r}; choose one of {', '.join(sorted(BUILDERS))}."
        )
    return builder(settings, adapter)
