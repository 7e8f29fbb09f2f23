"""The frame of a bench that measures numbers: what made them, a results file, a table."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.measurement import Measurement, measurements_to_json, measurements_to_text
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.files import write_file
from fakeshield_core.provenance import provenance


def report(work: Callable[[], Sequence[Measurement]], path: Path | None, **about: JsonValue) -> int:
    """Measures, writes the results where asked, and prints them; 0 done, 1 refused.

    Args:
        work: does the measuring.
        path: of the results file, None for none.
        about: what else the file says: the engine, the number of threads.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    source = provenance()
    try:
        measurements = work()
        if path is not None:
            document = {
                "provenance": asdict(source),
                **about,
                "measurements": measurements_to_json(measurements),
            }
            write_file(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    except FakeShieldError as error:
        print(error, file=sys.stderr)
        return 1
    told = "".join(f", {name} {value}" for name, value in about.items())
    print(f"{source.date}, code {source.code or 'unknown'}, {source.cpu}, {source.cores} cores{told}")
    print(measurements_to_text(measurements))
    return 0
