"""`conform`: proves that a published system is computed as it was published."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

from fakeshield_core.commands.outcome import Outcome, add_json_argument
from fakeshield_core.conform.ledger import Ledger
from fakeshield_core.domain import JsonValue
from fakeshield_core.settings import Settings

HELP = "compare every value of a golden folder with what our modules compute"
SHOWN = 3  # names a complaint gives


def _fakeshield(folder: Path) -> Ledger:
    from fakeshield_core.conform.fakeshield import conform

    return conform(folder)


SYSTEMS: dict[str, Callable[[Path], Ledger]] = {"fakeshield": _fakeshield}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `conform`."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="golden folder: weights, pictures, expected/"
    )
    parser.add_argument("--system", required=True, choices=sorted(SYSTEMS), help="the published system")
    add_json_argument(parser)


def run(args: argparse.Namespace, settings: Settings) -> Outcome:
    """Compares; a group beyond its tolerance, or a value that nothing compared, is a complaint.

    Raises:
        InputError: the folder is no golden folder.
        EngineError: its weights cannot be used.
    """
    ledger = SYSTEMS[args.system](args.folder)
    return Outcome(table(ledger), to_json(ledger, args.system), complaints(ledger))


def table(ledger: Ledger) -> str:
    """One line a group: how many values, the largest difference, the tolerance."""
    names = max((len(group.name) for group in ledger.groups), default=0)
    lines = [f"{'group':<{names}}  values  largest difference  tolerance"]
    for group in ledger.groups:
        sign = "beyond" if group.failures else "ok"
        numbers = f"{len(group.checks):>6}  {group.largest:>18.3g}  {group.tolerance:>9.3g}"
        lines.append(f"{group.name:<{names}}  {numbers}  {sign}")
    compared = sum(len(group.checks) for group in ledger.groups)
    lines.append(f"{compared} values compared, {len(ledger.untouched)} not")
    return "\n".join(lines)


def complaints(ledger: Ledger) -> tuple[str, ...]:
    """One sentence for each group beyond its tolerance, and one for what was not compared."""
    found = [
        f"{group.name}: {len(group.failures)} of {len(group.checks)} values are beyond {group.tolerance:g}, "
        f"such as {', '.join(check.path for check in group.failures[:SHOWN])}."
        for group in ledger.groups
        if group.failures
    ]
    if ledger.untouched:
        found.append(
            f"{len(ledger.untouched)} values are unknown to this version and were not compared, "
            f"such as {', '.join(ledger.untouched[:SHOWN])}."
        )
    if not ledger.checks:
        found.append("The folder holds nothing to compare; name a golden folder of this system.")
    return tuple(found)


def to_json(ledger: Ledger, system: str) -> JsonValue:
    """The result for machines."""
    groups: list[JsonValue] = [
        {
            "group": group.name,
            "values": len(group.checks),
            "largest_difference": group.largest if math.isfinite(group.largest) else None,
            "tolerance": group.tolerance,
            "passed": not group.failures,
            "failures": [check.path for check in group.failures],
        }
        for group in ledger.groups
    ]
    return {
        "system": system,
        "folder": str(ledger.golden.folder),
        "passed": not complaints(ledger),
        "groups": groups,
        "not_compared": list(ledger.untouched),
    }
