"""`make bench`: every bench that can run here, one results file each in `bench/results`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import baselines, click, click_browser, latency, save
from fakeshield_core.provenance import ROOT

RESULTS = ROOT / "bench" / "results"
DEV_MANIFEST = ROOT.parent / "shared" / "data" / "dev" / "manifest.csv"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benches in turn; 0 when all of them were done."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="All benches that can run here.")
    parser.add_argument("--engine", default="compact", metavar="NAME")
    parser.add_argument(
        "--manifest", type=Path, default=DEV_MANIFEST, metavar="CSV", help="pictures for the accuracy"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    args = parser.parse_args(argv)
    today = datetime.now(UTC).date().isoformat()
    code = max(
        latency.main(["--engine", args.engine, "--json", str(args.results / f"latency-{today}.json")]),
        click.main(["--engine", args.engine, "--json", str(args.results / f"click-{today}.json")]),
        click_browser.main(
            ["--engine", args.engine, "--json", str(args.results / f"click-browser-{today}.json")]
        ),
        save.main(["--json", str(args.results / f"save-{today}.json")]),
    )
    if not args.manifest.is_file():
        print(
            "accuracy: left out, because the development pictures are not beside this checkout",
            file=sys.stderr,
        )
        return code
    accuracy = ["--engine", args.engine, "--manifest", str(args.manifest)]
    return max(code, baselines.main([*accuracy, "--json", str(args.results / f"dev-{today}.json")]))


if __name__ == "__main__":
    sys.exit(main())
