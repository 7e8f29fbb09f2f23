"""What happens on an event: a visitor's question in, views of the page out. No torch, no SQL, no HTML."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from fakeshield_core import masks, pipeline
from fakeshield_core.domain import (
    Analysis,
    Done,
    EngineInfo,
    EvidenceReady,
    Explainer,
    FactsReady,
    JsonValue,
    Layer,
    MapReady,
    Plane,
    SoftMap,
    Update,
)
from fakeshield_core.errors import InputError
from fakeshield_core.evidence import measure
from fakeshield_core.explain.grounded import retold
from fakeshield_core.imaging import (
    decode,
    encode_display_jpeg,
    encode_map_png,
    encode_mask_png,
    resize_map,
)
from fakeshield_core.picture import Picture
from fakeshield_core.schema import analysis_to_json
from ui.again import asked_again, can_be_asked
from ui.border import at_border
from ui.cases import GONE, Case, Cases, UnknownCase
from ui.host import EngineHost
from ui.lane import Lane, Place
from ui.language import EXPLAINERS, spoken
from ui.state import UNCHECKED, Addresses, Asked, LayerView, PageView, advance, stored_view, unchecked
from ui.stops import Stops
from ui.stored import Example
from ui.visits import Visit, Visits
from ui.words import example_words, say

log = logging.getLogger(__name__)

PAUSE_S = 1.0  # between two words to someone who waits
START_LIMIT_S = 120.0  # for which a question waits for the engine to start
DISPLAY_SIDE_PX = 1600  # longest side of maps and layers that are only looked at

Updates = Generator[Update, None, None]
Answer = tuple[dict[str, JsonValue], str | None, str | None]  # result, map file, mask file


@dataclass(frozen=True)
class Handlers:
    """Event functions over what the app was built from. Several may run at once."""

    host: EngineHost
    lane: Lane
    visits: Visits
    examples: Mapping[str, Example]
    cases: Cases | None = None  # None: nothing can be corrected
    explainers: Mapping[str, Explainer] = field(  # by language, where the engine writes no words of its own
        default_factory=lambda: EXPLAINERS
    )
    stops: Stops = field(default_factory=Stops)

    @at_border
    def analyse(self, asked: Asked) -> Iterator[PageView]:
        """Views from the file's facts to the finished result; ends without one where it is taken back.

        A verdict that is checked afterwards is checked when nobody waits any more for a first answer, and not
        at all where too many wait for that. Closing the iterator cancels the engine, too.
        """
        before = self._case(asked.case) if asked.again else None
        upload = self._upload(asked.path) if before is None else before.source
        view = PageView(asked.run, asked.name or upload.name)
        with self.lane.enter() as place:
            yield from self._wait(view, place)
            if self.stops.asked(asked.run):
                return
            engine = self.host.engine()
            view = replace(view, engine=engine.info, can_ask_again=can_be_asked(engine, engine.info))
            given = None if before is None else before.analysis()
            if given is not None:
                engine = asked_again(engine, asked.again, given)
            picture = decode(upload.read_bytes(), view.name) if before is None else self._picture(before)
            visit = self._visit(before)
            with closing(
                cast(Updates, pipeline.analyze(engine, picture, self.explainers[spoken()]))
            ) as updates:
                for update in updates:
                    if self.stops.asked(asked.run):
                        return
                    view = advance(view, update)
                    if isinstance(update, Done):
                        update = Done(_as_kept(update.analysis, view.is_checked_next, given))
                    view = _with_files(view, update, picture, visit, is_sent=before is None)
                    if isinstance(update, Done) and view.case_id:
                        self._renew_case(view.case_id, update.analysis)
                    elif isinstance(update, Done):
                        case = self._open_case(
                            update.analysis, upload, view.name, visit.path("map.png"), before
                        )
                        view = replace(view, case_id=self._embedded(case, picture))
                    yield view
                    if view.is_checked_next and not self._comes_again(place, asked.run):
                        if not self.stops.asked(asked.run):
                            yield unchecked(view)
                        return
        log.info("%s: %s", view.outcome and view.outcome.id, view.outcome and dict(view.outcome.timings_s))

    @at_border
    def cancel(self, asked: Asked) -> None:
        """Takes a question back; the engine stops after the step it is in."""
        self.stops.ask(asked.run)

    @at_border
    def open_example(self, asked: Asked) -> Iterator[PageView]:
        """The stored result at once, then its evidence layers."""
        example = self.examples.get(asked.example)
        if example is None:
            raise InputError(say("why_no_example"))
        visit = self.visits.new()
        view = stored_view(
            PageView(asked.run, example.card.file, alt=example_words(example)[1]),
            _in_language(example.analysis),
            example.peak,
        )
        view = replace(view, example=asked.example, engine=self._with_limits(example.analysis.engine))
        mask = example.analysis.mask
        addresses = replace(
            view.addresses,
            picture=example.address,
            map=example.map_address,
            map_file=example.map_address,
            mask=None if mask is None else visit.put("mask.png", encode_mask_png(mask)),
            result=example.result_address,
        )
        case = self._open_case(example.analysis, example.picture, view.name, example.map_file)
        view = replace(view, addresses=addresses, case_id=case.id if case else "")
        yield view
        layers = _layers(layers_of(example.picture), visit)
        yield replace(view, addresses=replace(addresses, layers=layers))

    @at_border
    def resume(self, asked: Asked) -> Iterator[PageView]:
        """A case opened again: its answer as it was given, then its evidence layers."""
        case = self._case(asked.case)
        picture, analysis, visit = self._picture(case), case.analysis(), self._visit(case)
        peak = None if analysis.soft_map is None else float(analysis.soft_map.max())
        view = stored_view(PageView(asked.run, case.name), _in_language(analysis), peak)
        view = replace(view, is_stored=False, engine=self._with_limits(analysis.engine))
        view = replace(view, can_ask_again=can_be_asked(self.host.ready(), analysis.engine))
        view = replace(view, case_id=self._embedded(case, picture))
        view = replace(view, addresses=_files_again(view, picture, analysis, visit))
        yield view
        layers = _layers(measure(picture).layers.values(), visit)
        yield replace(view, addresses=replace(view.addresses, layers=layers))

    @at_border
    def analyse_file(self, path: str | None) -> Answer:
        """The endpoint: one uploaded file to its result (schema v1 and `case_id`), map PNG and mask PNG."""
        if path is None:
            raise InputError(say("why_no_file"))
        upload = self._upload(path)
        with self.lane.enter() as place:
            for _ in self._wait(PageView(""), place):
                pass
            picture = decode(upload.read_bytes(), upload.name)
            analysis = pipeline.analyze_to_end(self.host.engine(), picture, self.explainers[spoken()])
        visit = self.visits.new()
        map_file, mask_file = visit.path("map.png"), visit.path("mask.png")
        if analysis.soft_map is not None:
            visit.put(map_file.name, encode_map_png(analysis.soft_map))
        if analysis.mask is not None:
            visit.put(mask_file.name, encode_mask_png(analysis.mask))
        case = self._open_case(analysis, upload, upload.name, map_file)
        result = {**analysis_to_json(analysis), "case_id": case.id if case else None}
        return result, _if_file(map_file), _if_file(mask_file)

    def _case(self, case_id: str) -> Case:
        if self.cases is None:
            raise UnknownCase(GONE)
        return self.cases.find(case_id)

    def _picture(self, case: Case) -> Picture:
        if self.cases is None:
            raise UnknownCase(GONE)
        return self.cases.picture(case)

    def _visit(self, before: Case | None) -> Visit:
        """Room for files, which go when those of the case before do."""
        return self.visits.new(0.0 if before is None or self.cases is None else self.cases.age_s(before))

    def _open_case(
        self, analysis: Analysis, source: Path, name: str, map_file: Path | None, before: Case | None = None
    ) -> Case | None:
        return None if self.cases is None else self.cases.open(analysis, source, name, map_file, before)

    def _renew_case(self, case_id: str, analysis: Analysis) -> None:
        if self.cases is not None:
            self.cases.renew(case_id, analysis)

    def _comes_again(self, place: Place, run: str) -> bool:
        """Whether it is the place's turn once more; False where that is given up."""
        if not place.give_way():
            return False
        while not self.stops.asked(run):
            if place.wait(PAUSE_S):
                return True
        return False

    def _embedded(self, case: Case | None, picture: Picture) -> str:
        """The id of the case, whose picture is now made ready for clicks; empty where there is none."""
        if self.cases is None or case is None:
            return ""
        self.cases.embed(case, picture)
        return case.id

    def _with_limits(self, engine: EngineInfo) -> EngineInfo:
        """An engine as a stored result names it, with the limits of the running one if it is the same."""
        running = self.host.ready()
        same = running is not None and running.info.name == engine.name
        return replace(engine, limits=running.info.limits) if running and same else engine

    def _upload(self, path: str) -> Path:
        upload = self.visits.upload(path)
        if upload is None:
            raise InputError(say("why_no_upload"))
        return upload

    def _wait(self, view: PageView, place: Place) -> Iterator[PageView]:
        """Views for someone who waits, until it is their turn and the engine is there or has failed."""
        while not self.stops.asked(view.run) and not place.wait(PAUSE_S):
            yield replace(view, phase="waiting", ahead=place.ahead)
        for _ in range(round(START_LIMIT_S / PAUSE_S)):
            if self.stops.asked(view.run) or self.host.wait(PAUSE_S):
                return
            yield replace(view, phase="starting")


def _as_kept(analysis: Analysis, is_checked_next: bool, given: Analysis | None) -> Analysis:
    """An answer as file and case keep it: until its verdict is checked it says that it was not.

    Args:
        given: the answer that the engine was asked about once more, which is its parent.
    """
    parents = analysis.parents if given is None else (given.id,)
    warnings = (*analysis.warnings, UNCHECKED) if is_checked_next else analysis.warnings
    return replace(analysis, parents=parents, warnings=warnings)


def _in_language(analysis: Analysis) -> Analysis:
    """An answer given before, its reasons in the language of now."""
    return replace(analysis, explanation=retold(analysis, spoken()))


def display_png(values: Plane, strongest: float) -> bytes:
    """A grey PNG to look at, no side longer than DISPLAY_SIDE_PX.

    Args:
        values: (H, W), 0 and up.
        strongest: the value drawn as 255.
    """
    height, width = values.shape
    scale = min(1.0, DISPLAY_SIDE_PX / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    shares: SoftMap = (values / strongest).clip(0.0, 1.0)
    return encode_map_png(resize_map(shares, *size))


@functools.lru_cache(maxsize=16)
def layers_of(picture: Path) -> tuple[Layer, ...]:
    """The evidence layers of an example picture, measured once."""
    evidence = measure(decode(picture.read_bytes(), picture.name))
    return tuple(evidence.layers.values())


def shown_by_browser(picture: Picture) -> bool:
    """Whether a browser shows the uploaded file with the very pixels that are analysed."""
    facts = picture.facts
    return facts.format == "JPEG" and facts.orientation == 1 and not picture.warnings


def _with_files(
    view: PageView, update: Update, picture: Picture, visit: Visit, is_sent: bool = True
) -> PageView:
    """The view with the addresses of what this update brought as files.

    Args:
        is_sent: the browser sent the picture with this question, so it can show its own file.
    """
    addresses = view.addresses
    match update:
        case FactsReady() if not (is_sent and shown_by_browser(picture)):
            addresses = replace(addresses, picture=visit.put("picture.jpg", encode_display_jpeg(picture.rgb)))
        case EvidenceReady() if not addresses.layers:
            addresses = replace(addresses, layers=_layers(update.evidence.layers.values(), visit))
        case MapReady():
            mask = masks.threshold(update.soft_map, update.threshold)
            addresses = replace(
                addresses,
                map=visit.put("view.png", display_png(update.soft_map, 1.0)),
                mask=visit.put("mask.png", encode_mask_png(mask)),
            )
        case Done():
            addresses = _finished_files(view, update.analysis, visit)
        case _:
            pass
    return replace(view, addresses=addresses)


def _layers(layers: Iterable[Layer], visit: Visit) -> dict[str, LayerView]:
    return {
        layer.name: LayerView(
            visit.put(f"{layer.name}.png", display_png(layer.values, layer.display_max)),
            layer.display_max,
            layer.unit,
        )
        for layer in layers
    }


def _finished_files(view: PageView, analysis: Analysis, visit: Visit) -> Addresses:
    text = json.dumps(analysis_to_json(analysis), ensure_ascii=False, indent=1)
    map_file = view.addresses.map_file  # there already where the verdict was checked
    if map_file is None and analysis.soft_map is not None:
        map_file = visit.put("map.png", encode_map_png(analysis.soft_map))
    return replace(
        view.addresses,
        map_file=map_file,
        result=visit.put("result.json", text.encode()),
    )


def _files_again(view: PageView, picture: Picture, analysis: Analysis, visit: Visit) -> Addresses:
    """The files of an answer that was given before."""
    addresses = replace(
        _finished_files(view, analysis, visit),
        picture=visit.put("picture.jpg", encode_display_jpeg(picture.rgb)),
        mask=None if analysis.mask is None else visit.put("mask.png", encode_mask_png(analysis.mask)),
    )
    if analysis.soft_map is None:
        return addresses
    return replace(addresses, map=visit.put("view.png", display_png(analysis.soft_map, 1.0)))


def _if_file(path: Path) -> str | None:
    return str(path) if path.is_file() else None
