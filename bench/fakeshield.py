"""FakeShield-22B beside its floors: `python -m bench.fakeshield --json FILE`.

On a card: the full-size architecture with random weights, as published (float16 and bfloat16) and in nf4,
where they fit. Elsewhere the tiny architecture in float32, which shows that everything runs and says nothing
of the speed of the real one. The published way to a mask, without a cache and with the picture encoded anew
for each token, is timed in the same run.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench.fakeshield_made import Architecture, Made, full_size, make, tiny
from bench.measurement import quantile
from fakeshield_core.checkpoints import cards, placement
from fakeshield_core.checkpoints.cards import Card
from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineUnavailable, FakeShieldError
from fakeshield_core.evaluate_report import table
from fakeshield_core.fakeshield import precision
from fakeshield_core.fakeshield.decoding import Decoding, Read, forked, read, token_embeddings
from fakeshield_core.fakeshield.opening import Draft, Opening, answer_steps, opened
from fakeshield_core.fakeshield.precision import Plan, Precision
from fakeshield_core.files import write_file
from fakeshield_core.networks.llava import Llava
from fakeshield_core.networks.mflm import Mflm
from fakeshield_core.provenance import provenance

TOKENS = 64  # decoded for a rate
PUBLISHED_TOKENS = 8  # of the published mask answer
SIDE = 336
NEVER = -1  # an end token that no network chooses
TINY_NOTE = "tiny architecture on a CPU: no floor, and nothing about the real one"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timed:
    """A number beside the least it could be."""

    what: str
    value: float
    unit: str  # "s", "GB", "tokens/s"
    floor: float | None = None  # for a rate: the highest
    n: int = 1

    @property
    def of_floor(self) -> float | None:
        """How many times the floor; above 2 there is something to win."""
        if self.floor is None:
            return None
        return self.floor / self.value if self.unit == "tokens/s" else self.value / self.floor


class Bench:
    """One set of networks, timed."""

    def __init__(self, architecture: Architecture, made: Made, repeats: int, compiled: bool = False) -> None:
        self._sizes, self._made, self._repeats, self._compiled = architecture, made, repeats, compiled
        self._device = made.dte_fdm.language.lm_head.weight.device
        if compiled:
            made.dte_fdm.language.model.compile(mode="reduce-overhead", dynamic=False)

    def all(self, floors: Mapping[str, float]) -> Iterator[Timed]:
        """Every stage; floors in seconds, by name of the stage."""
        mflm = self._made.mflm
        planes = torch.randn(1, 3, SIDE, SIDE)
        yield self._seconds(
            "domain tag", lambda: self._made.dtg(torch.randn(1, 3, 224, 224).to(self._device)), floors
        )
        yield self._seconds("picture -> verdict", lambda: self._verdict(planes), floors)
        opening = self._verdict(planes)
        yield self._seconds("verdict -> first token", lambda: self._decoded(opening, 1), floors)
        seconds = self._seconds("", lambda: self._decoded(opening, TOKENS), {}).value
        rate = floors.get("one token")
        yield Timed("words", TOKENS / seconds, "tokens/s", None if rate is None else 1 / rate, self._repeats)
        square = torch.randn(1, 3, mflm.sam.sizes.image_size, mflm.sam.sizes.image_size)
        yield self._seconds("SAM embedding, beside the words", lambda: mflm.sam.embed(square), floors)
        yield self._seconds(
            "constant half of the mask prompt, beside the words", lambda: self._constant(planes), floors
        )
        embedding, start = mflm.sam.embed(square), self._constant(planes)
        yield self._seconds("words -> mask", lambda: self._mask(start, embedding), floors)
        yield self._seconds("click on a kept embedding", lambda: self._click(embedding), floors)
        published = self._seconds(
            f"published: {PUBLISHED_TOKENS} tokens without cache -> mask",
            lambda: self._published(planes, square),
            floors,
            repeats=max(1, self._repeats // 5),
        )
        yield published

    def _verdict(self, planes: Tensor) -> Opening:
        network, sizes = self._made.dte_fdm, self._sizes
        with torch.inference_mode():
            rows = network.image_rows(network.vision_features(planes))
            embedded = torch.cat([rows, self._tokens(network, sizes.words)], dim=1)
        return opened(network.language, embedded, Draft(tuple(range(3, 3 + sizes.opening)), 3, 4))

    def _decoded(self, opening: Opening, count: int) -> None:
        for _ in answer_steps(
            self._made.dte_fdm.language, opening, Decoding(NEVER, count, static=self._compiled)
        ):
            pass

    def _constant(self, planes: Tensor) -> Read:
        network: Mflm = self._made.mflm
        with torch.inference_mode():
            rows = network.image_rows(network.vision_features(planes))
            embedded = torch.cat([rows, self._tokens(network, self._sizes.constant)], dim=1)
        return read(network.language, embedded)

    def _mask(self, start: Read, embedding: Tensor) -> Tensor:
        network, language = self._made.mflm, self._made.mflm.language
        length = int(start.states.shape[0])
        words = self._tokens(network, self._sizes.description)
        state = read(language, words, forked(language, start.cache, length)).states[-1:]
        with torch.inference_mode():
            return network.low_resolution(state, embedding).float().cpu()

    def _click(self, embedding: Tensor) -> Tensor:
        sam = self._made.mflm.sam
        with torch.inference_mode():
            prompt = torch.zeros(1, sam.sizes.prompt_embed_dim, device=self._device, dtype=sam.kind)
            return sam.low_resolution(embedding.to(self._device), prompt).float().cpu()

    def _published(self, planes: Tensor, square: Tensor) -> Tensor:
        """Every token: the picture through CLIP, and the whole sequence through the language model."""
        network = self._made.mflm
        with torch.inference_mode():
            for extra in range(PUBLISHED_TOKENS):
                rows = network.image_rows(network.vision_features(planes))
                words = self._tokens(network, self._sizes.constant + self._sizes.whole + extra)
                states = network.states(torch.cat([rows, words], dim=1))
                network.language.lm_head(states[:, -1]).argmax().item()
            return network.low_resolution(states[0, -1:], network.sam.embed(square)).float().cpu()

    def _tokens(self, network: Llava, count: int) -> Tensor:
        return token_embeddings(network.language, [5 + number % 100 for number in range(count)])

    def _seconds(
        self, what: str, work: Callable[[], object], floors: Mapping[str, float], repeats: int | None = None
    ) -> Timed:
        """Median wall seconds, the card's own work included, after one call to warm up."""
        count = repeats or self._repeats
        taken: list[float] = []
        for _ in range(count + 1):
            began = time.perf_counter()
            with torch.inference_mode():
                work()
            self._finish()
            taken.append(time.perf_counter() - began)
        return Timed(what, quantile(taken[1:], 0.5), "s", floors.get(what), count)

    def _finish(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def floors_of(card: Card | None, plan: Plan, architecture: Architecture) -> dict[str, float]:
    """Seconds of each stage at best; none where the rates of the card are unknown or sizes are tiny."""
    if card is None or card.tflops is None or architecture.name != full_size().name:
        return {}
    second = {part: tflop / card.tflops for part, tflop in placement.TFLOP.items()}
    token = (placement.decode_ms(card, plan.dte_fdm) or 0.0) / 1e3
    share = architecture.description / 950
    localise = second["CLIP"] + second["MFLM"]
    return {
        "domain tag": 0.008 / card.tflops,
        "picture -> verdict": second["CLIP"] + placement.VERDICT_PREFILL * second["DTE-FDM"],
        "verdict -> first token": token,
        "one token": token,
        "SAM embedding, beside the words": second["SAM"],
        "constant half of the mask prompt, beside the words": second["CLIP"] + (1 - share) * second["MFLM"],
        "words -> mask": share * second["MFLM"],
        f"published: {PUBLISHED_TOKENS} tokens without cache -> mask": PUBLISHED_TOKENS * localise
        + second["SAM"],
    }


def measure(
    architecture: Architecture, plan: Plan, card: Card | None, repeats: int, compiled: bool = False
) -> dict[str, JsonValue]:
    """Makes the networks, times them, and gives one document."""
    began = time.perf_counter()
    made = make(architecture, plan)
    loaded = Timed("random weights made and placed", time.perf_counter() - began, "s")
    memory = [Timed(f"memory: {part}", size, "GB") for part, size in made.memory_gb.items()]
    found = [
        loaded,
        *memory,
        *Bench(architecture, made, repeats, compiled).all(floors_of(card, plan, architecture)),
    ]
    return {
        "architecture": architecture.name,
        "plan": f"{plan}, compiled steps" if compiled else str(plan),
        "card": None if card is None else card.name,
        "note": TINY_NOTE if card is None else "random weights in the published sizes",
        "measurements": [to_json(one) for one in found],
    }


def to_json(one: Timed) -> JsonValue:
    """One number, rounded to five digits after the point."""
    ratio = one.of_floor
    return {
        "what": one.what,
        "value": round(one.value, 5),
        "unit": one.unit,
        "floor": None if one.floor is None else round(one.floor, 5),
        "of_floor": None if ratio is None else round(ratio, 2),
        "n": one.n,
    }


def to_text(document: Mapping[str, JsonValue]) -> str:
    """A table for people."""
    found = document["measurements"]
    rows = [
        tuple("-" if value is None else str(value) for value in one.values())
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, dict)
    ]
    head = f"{document['architecture']}, {document['plan']}: {document['note']}"
    return "\n".join((head, *table(("what", "measured", "unit", "floor", "of floor", "n"), rows)))


def plans(card: Card | None) -> Iterator[Plan]:
    """What to time here: on a card as published and in nf4, as far as they fit; else the tiny one."""
    if card is None:
        yield Plan("cpu", "fp32", "fp32")
        return
    wanted: tuple[Precision, ...] = ("fp16", "nf4")
    for one in wanted:
        try:
            yield precision.plan(one, placement.FULL, card, precision.machine_gb())
        except EngineUnavailable as error:
            log.warning("%s", error)


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and reports; 0 done, 1 refused."""
    parser = argparse.ArgumentParser(prog="python -m bench.fakeshield", description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--compiled", action="store_true", help="torch.compile the step, over a fixed cache")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results go")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    source, card = provenance(), cards.here()
    architecture = tiny() if card is None else full_size()
    try:
        runs = [measure(architecture, plan, card, args.repeats, args.compiled) for plan in plans(card)]
        if args.json is not None:
            document = {"provenance": asdict(source), "runs": runs}
            write_file(args.json, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
    except FakeShieldError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{source.date}, code {source.code or 'unknown'}, {source.cpu}, {source.cores} cores")
    print("\n\n".join(to_text(run) for run in runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
