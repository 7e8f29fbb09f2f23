"""The benches that ask a running app, against a small server in its place."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from bench.canvas_client import Answered, CanvasClient
from bench.click import KEEP_EVERY, click_through
from bench.save import Person, at_once, steadily
from fakeshield_core.errors import EngineOutputInvalid
from fakeshield_core.rle import decode_rle, encode_rle

MASK = np.zeros((20, 30), bool)
CONFIG = {"components": [{"id": 3, "props": {}}, {"id": 7, "props": {"server_fns": ["segment", "save"]}}]}


@dataclass
class Server:
    """Answers every call with `answer`, and remembers what was sent."""

    answer: Any
    status: int = 200
    sent: list[dict[str, Any]] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server({"receipt": "K7QF-2M9D-XR"})

    class Page(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(200, CONFIG)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            told.sent.append(json.loads(self.rfile.read(length)))
            self.reply(told.status, told.answer)

        def reply(self, status: int, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        told.address = f"http://127.0.0.1:{running.server_port}"
        yield told
        running.shutdown()


@pytest.fixture
def client(server: Server) -> CanvasClient:
    return CanvasClient(server.address)


def test_calls_go_to_the_component_that_can_be_corrected(server: Server, client: CanvasClient) -> None:
    answered = client.call("save", ["case", {"verdict": "tampered"}])
    assert answered.answer == {"receipt": "K7QF-2M9D-XR"}
    assert answered.seconds > 0
    assert (server.sent[0]["component_id"], server.sent[0]["fn_name"]) == (7, "save")
    assert server.sent[0]["data"] == ["case", {"verdict": "tampered"}]


def test_a_server_that_fails_ends_the_bench(server: Server, client: CanvasClient) -> None:
    server.status = 500
    with pytest.raises(EngineOutputInvalid, match="answered 500"):
        client.call("save", [])


def test_each_save_is_a_new_one_and_a_refusal_is_no_time(server: Server, client: CanvasClient) -> None:
    person = Person(client, "case", encode_rle(MASK))
    assert person.save() > 0 and person.save() > 0
    assert len({each["data"][1]["client_uuid"] for each in server.sent}) == 2
    server.answer = {"error": "Saving is off."}
    with pytest.raises(EngineOutputInvalid, match="Saving is off"):
        person.save()


class Counted(Person):
    """Counts its saves instead of sending them."""

    times: list[float]

    def __init__(self, times: list[float]) -> None:
        object.__setattr__(self, "times", times)

    def save(self) -> float:
        self.times.append(time.perf_counter())
        return 0.25


def test_steady_saves_are_spread_evenly_and_all_counted() -> None:
    times: list[float] = []
    began = time.perf_counter()
    seconds = steadily([Counted(times) for _ in range(4)], every_s=0.2, for_s=0.4)
    assert seconds == [0.25] * 8
    due = [0.05 * number for number in range(8)]
    assert all(made - began >= planned for made, planned in zip(sorted(times), due, strict=True))


def test_a_burst_is_one_save_each() -> None:
    times: list[float] = []
    assert at_once([Counted(times) for _ in range(5)]) == [0.25] * 5
    assert len(times) == 5


class Painter:
    """Offers the clicked pixel each time."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []  # prompts, marked pixels

    def call(self, function: str, arguments: list[Any]) -> Answered:
        assert function == "segment"
        clicks, mask = arguments[1]["clicks"], decode_rle(arguments[2])
        self.asked.append((len(clicks), int(mask.sum())))
        area = np.zeros_like(mask)
        area[clicks[-1]["y"], clicks[-1]["x"]] = True
        adds = clicks[-1]["positive"]
        return Answered({"candidates": [{"rle": encode_rle(area), "adds": adds}], "ms": 1.0}, 0.002)


def test_prompts_start_anew_after_a_keep_and_the_mask_grows_by_what_was_kept() -> None:
    painter = Painter()
    answers = click_through(painter, "case", MASK, 2 * KEEP_EVERY + 1, np.random.default_rng(1))  # type: ignore[arg-type]
    assert [prompts for prompts, _ in painter.asked] == [1, 2, 3, 1, 2, 3, 1]
    assert [marked for _, marked in painter.asked][:4] == [0, 0, 0, 1]
    assert len(answers) == 7


def test_a_refused_click_ends_the_bench(server: Server, client: CanvasClient) -> None:
    server.answer = {"error": "Clicks could not be started."}
    with pytest.raises(EngineOutputInvalid, match="could not be started"):
        click_through(client, "case", MASK, 1, np.random.default_rng(1))
