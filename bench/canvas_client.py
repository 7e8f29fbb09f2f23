"""The page's canvas as far as the server can tell: uploads a picture, then calls the canvas's functions."""

from __future__ import annotations

import http.client
import json
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from fakeshield_core.domain import JsonValue
from fakeshield_core.errors import EngineOutputInvalid

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One call."""

    answer: dict[str, JsonValue]
    seconds: float  # wall, connection included


class CanvasClient:
    """One person. Each call opens a connection, as a browser does after a pause. Not for several threads."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(
            urllib.parse.urlsplit(address).netloc, timeout=TIMEOUT_S
        )
        with urllib.request.urlopen(f"{address}/config", timeout=TIMEOUT_S) as answer:
            self._component = _canvas_of(json.load(answer))

    def call(self, function: str, arguments: list[JsonValue]) -> Answered:
        """Calls a function as the canvas does.

        Raises:
            EngineOutputInvalid: the server did not answer with JSON.
        """
        body = json.dumps(
            {
                "data": arguments,
                "component_id": self._component,
                "fn_name": function,
                "session_hash": "bench",
            }
        )
        began = time.perf_counter()
        self._connection.request(
            "POST", "/gradio_api/component_server", body, {"Content-Type": "application/json"}
        )
        answer = self._connection.getresponse()
        data = answer.read()
        seconds = time.perf_counter() - began
        self._connection.close()  # the server would do so after 5 s; the next call opens it again
        if answer.status != 200:
            raise EngineOutputInvalid(f"The server answered {answer.status} to {function}; see its log.")
        return Answered(json.loads(data), seconds)


def open_case(address: str, picture: bytes, folder: Path) -> dict[str, JsonValue]:
    """The result of `/analyze` for a picture file, with its `case_id`."""
    from gradio_client import Client, handle_file

    path = folder / "picture.jpg"
    path.write_bytes(picture)
    client = Client(f"{address}/", verbose=False, httpx_kwargs={"timeout": TIMEOUT_S})
    try:
        result: dict[str, JsonValue] = client.predict(handle_file(str(path)), api_name="/analyze")[0]
    finally:
        client.close()
    return result


def _canvas_of(config: dict[str, list[dict[str, dict[str, list[str]]]]]) -> JsonValue:
    for component in config["components"]:
        if "segment" in component["props"].get("server_fns", []):
            return component["id"]  # type: ignore[return-value]  # a number
    raise EngineOutputInvalid("The page has no canvas that can be corrected; start the newest app.")
