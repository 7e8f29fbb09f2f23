"""Imports point one way, and light modules stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = {"app", "ui", "feedback", "finetune", "fakeshield_core", "bench"}
ALLOWED: dict[str, set[str]] = {
    "fakeshield_core": set(),
    "feedback": {"fakeshield_core"},
    "finetune": {"feedback", "fakeshield_core"},
    "ui": {"feedback", "fakeshield_core"},
    "bench": {"fakeshield_core", "feedback", "finetune", "ui"},
    "app": {"ui", "feedback", "fakeshield_core"},
}
WITHOUT_TORCH = (
    "evidence",
    "explain",
    "masks",
    "clicks",
    "metrics",
    "imaging",
    "synthesis",
    "domain",
    "pipeline",
)
HEAVY = ("torch", "transformers", "peft", "gradio", "sqlalchemy", "accelerate")


def _modules() -> list[Path]:
    names = [ROOT / "app.py", *(p for name in OURS - {"app"} for p in (ROOT / name).rglob("*.py"))]
    return sorted(p for p in names if p.is_file())


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("path", _modules(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    reached = {name.split(".")[0] for name in _imported(path)} & OURS
    assert reached <= ALLOWED[package] | {package}


@pytest.mark.parametrize("path", _modules(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_only_the_page_and_its_root_import_gradio(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    reached = {name.split(".")[0] for name in _imported(path)}
    assert package in {"ui", "app"} or "gradio" not in reached


@pytest.mark.parametrize("path", _modules(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_measuring_modules_do_not_import_torch(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "fakeshield_core" and len(parts) > 1 and parts[1].split("_")[0] in WITHOUT_TORCH:
        assert "torch" not in {name.split(".")[0] for name in _imported(path)}


@pytest.mark.parametrize(
    "module", ["fakeshield_core", "fakeshield_core.pipeline", "fakeshield_core.evaluate"]
)
def test_importing_does_not_load_heavy_packages(module: str) -> None:
    code = f"import sys, {module}; print([n for n in {HEAVY!r} if n in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_serving_the_compact_engine_loads_neither_transformers_nor_peft() -> None:
    code = (
        "import sys; from fakeshield_core.engines.registry import build_engine; "
        "from fakeshield_core.settings import Settings; build_engine('compact', Settings()); "
        "print([n for n in ('transformers', 'peft', 'gradio', 'torchvision') if n in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert answer.stdout.strip() == "[]"
