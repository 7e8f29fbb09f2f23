"""Where numbers come from: date, code version and machine, kept beside every measured result."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Provenance:
    """When, by what code, and on what kind of machine something was measured."""

    date: str  # ISO 8601, UTC
    code: str | None  # `git describe`, None outside a checkout
    cpu: str  # "Intel(R) Xeon(R) ...", as the system names it
    cores: int  # CPUs this process may use
    load: float  # running processes in the last minute; above `cores`, wall times are upper bounds
    python: str


def provenance() -> Provenance:
    """The present date, code version and machine kind; nothing that names the machine or its owner."""
    return Provenance(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        code=code_version(ROOT),
        cpu=cpu_name(CPU_INFO),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        python=platform.python_version(),
    )


def code_version(root: Path) -> str | None:
    """`git describe --always --dirty` of a checkout; None where the folder is none or git is missing."""
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def cpu_name(cpu_info: Path) -> str:
    """The model name in a Linux `cpuinfo` file; what Python knows of the processor elsewhere."""
    if cpu_info.is_file():
        for line in cpu_info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
