"""How the command lines end: what goes to which stream, and the exit code."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from fakeshield_core.commands.outcome import STDOUT, Outcome
from fakeshield_core.errors import FakeShieldError
from fakeshield_core.files import write_file


def show(outcome: Outcome, json_to: str | None) -> int:
    """Complaints to stderr; the document where `--json` wants it, else the text to stdout; the exit code.

    A file that cannot be written is one more complaint; the text is shown all the same.
    """
    document = json.dumps(outcome.document, ensure_ascii=False, indent=2, allow_nan=False)
    if json_to not in (None, STDOUT):
        try:
            write_file(Path(str(json_to)), (document + "\n").encode())
        except FakeShieldError as error:
            outcome = replace(outcome, complaints=(*outcome.complaints, str(error)))
    for complaint in outcome.complaints:
        print(complaint, file=sys.stderr)
    shown = document if json_to == STDOUT else outcome.text
    if shown:
        print(shown)
    return outcome.exit_code
