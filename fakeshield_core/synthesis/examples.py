"""The example pictures the page ships: remade with their truth, listed, and answered by an engine in advance.

`python -m fakeshield_core.synthesis.examples OUT` writes the pictures; with `--engine NAME` also the answers
of that engine. A folder holds `examples.json`, `README.md`, and for each example `<id>.jpg`, `<id>.mask.png`
(where pixels were replaced; not for untouched ones), `<id>.json` and `<id>.map.png` (the stored answer).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakeshield_core.domain import Engine
from fakeshield_core.errors import FakeShieldError, InputError
from fakeshield_core.files import read_picture, write_file
from fakeshield_core.imaging import encode_map_png, encode_mask_png
from fakeshield_core.pipeline import analyze_to_end
from fakeshield_core.schema import analysis_to_json

if TYPE_CHECKING:
    from fakeshield_core.synthesis.examples_pictures import Example

LISTING = "examples.json"
REMAKE = "python -m fakeshield_core.synthesis.examples"


@dataclass(frozen=True, slots=True)
class ExampleCard:
    """What the page shows of one example; paths are file names inside the folder."""

    id: str
    title: str
    file: str
    mask: str | None  # 1-bit PNG, white = pixels were replaced; None: untouched
    alt: str
    kind: str  # "authentic", "splice", "copy_move", "removal"
    history: tuple[str, ...]
    source: str
    licence: str


def write_examples(folder: Path) -> tuple[ExampleCard, ...]:
    """Remakes all pictures, masks, the listing and the README in the folder.

    Raises:
        FakeShieldError: scikit-image is missing, or the folder cannot be written.
    """
    # Serving needs the listing only: scikit-image, a development package, and scipy's solvers stay out of it.
    from fakeshield_core.synthesis.examples_pictures import make_examples

    examples = make_examples()
    cards = tuple(_card(example) for example in examples)
    for example, card in zip(examples, cards, strict=True):
        write_file(folder / card.file, example.data)
        if example.mask is not None and card.mask is not None:
            write_file(folder / card.mask, encode_mask_png(example.mask))
    listing = {"examples": [asdict(card) for card in cards]}
    write_file(folder / LISTING, (json.dumps(listing, indent=1, ensure_ascii=False) + "\n").encode())
    write_file(folder / "README.md", _readme(cards).encode())
    return cards


def load_cards(folder: Path) -> tuple[ExampleCard, ...]:
    """The examples listed in a folder, in the order the page shows them.

    Raises:
        InputError: the listing is missing or is not one.
    """
    path = folder / LISTING
    try:
        return tuple(_read_card(entry) for entry in json.loads(path.read_bytes())["examples"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is missing or damaged; remake it with {REMAKE} {folder}.") from error


def store_results(engine: Engine, folder: Path) -> None:
    """Lets the engine answer every listed example and keeps the answers beside the pictures.

    Writes `<id>.json` (result schema v1) and, where the engine gives a map, `<id>.map.png`.

    Raises:
        FakeShieldError: listing or picture cannot be read, the engine fails, or the folder cannot be written.
    """
    for card in load_cards(folder):
        analysis = analyze_to_end(engine, read_picture(folder / card.file))
        document = json.dumps(analysis_to_json(analysis), indent=1, ensure_ascii=False)
        write_file(folder / f"{card.id}.json", (document + "\n").encode())
        if analysis.soft_map is not None:
            write_file(folder / f"{card.id}.map.png", encode_map_png(analysis.soft_map))


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the examples, and the answers of an engine where one is named; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(prog=REMAKE, description="Remakes the example pictures of the page.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    parser.add_argument("--engine", metavar="NAME", help="also store what this engine answers")
    args = parser.parse_args(argv)
    try:
        write_examples(args.out)
        if args.engine is not None:
            _answer(args.engine, args.out)
    except FakeShieldError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _answer(name: str, folder: Path) -> None:
    from fakeshield_core.engines.registry import build_engine
    from fakeshield_core.settings import Settings

    store_results(build_engine(name, Settings.from_environment()), folder)


def _card(example: Example) -> ExampleCard:
    return ExampleCard(
        id=example.id,
        title=example.title,
        file=f"{example.id}.jpg",
        mask=None if example.mask is None else f"{example.id}.mask.png",
        alt=example.alt,
        kind=example.kind,
        history=example.history,
        source="; ".join(source.name for source in example.sources),
        licence="; ".join(source.licence for source in example.sources),
    )


def _read_card(entry: dict[str, Any]) -> ExampleCard:
    texts = {name: str(entry[name]) for name in ("id", "title", "file", "alt", "kind", "source", "licence")}
    mask = entry["mask"]
    return ExampleCard(
        mask=None if mask is None else str(mask),
        history=tuple(str(step) for step in entry["history"]),
        **texts,
    )


def _readme(cards: Sequence[ExampleCard]) -> str:
    rows = "\n".join(
        f"| `{card.file}` | {card.title} | {'; then '.join(card.history)} | {card.source} | {card.licence} |"
        for card in cards
    )
    return f"""# Example pictures

Made by `{REMAKE} ui/examples`; do not edit by hand. The photographs are files
inside scikit-image whose descriptions in `skimage.data` state CC0 or the public domain. `<id>.mask.png` is
white where pixels were replaced. `<id>.json` and `<id>.map.png` are stored answers of the engine named
inside the file.

| file | title | history | source | licence |
| --- | --- | --- | --- | --- |
{rows}
"""


if __name__ == "__main__":
    sys.exit(main())
