"""What may come in: nothing larger than it need be, and no files where values are asked for."""

from __future__ import annotations

import asyncio
import errno
import shutil
from pathlib import Path

import gradio as gr
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from fakeshield_core.errors import StorageFull
from ui.intake import RoomForUploads, SmallBodies, refuse_files
from ui.visits import Visits

LIMIT = 100


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    answer: Response = PlainTextResponse(str(len(await Request(scope, receive).body())))
    await answer(scope, receive, send)


def visitor() -> TestClient:
    return TestClient(SmallBodies(echo, LIMIT))


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/call/segment", LIMIT, 200),
        ("/call/segment", LIMIT + 1, 413),
        ("/gradio_api/upload", LIMIT + 1, 200),
    ],
)
def test_only_uploads_may_be_large(path: str, size: int, status: int) -> None:
    answer = visitor().post(path, content=b"x" * size)
    assert answer.status_code == status
    assert (answer.text == str(size)) == (status == 200)


def test_what_does_not_say_how_long_it_is_is_cut_off() -> None:
    sent: list[Message] = [
        {"type": "http.request", "body": b"x" * 60, "more_body": True},
        {"type": "http.request", "body": b"x" * 60, "more_body": False},
    ]

    async def receive() -> Message:
        return sent.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError(f"answered {message}")

    scope = {"type": "http", "method": "POST", "path": "/call/segment", "headers": []}
    with pytest.raises(ClientDisconnect):
        asyncio.run(SmallBodies(echo, LIMIT)(scope, receive, send))


def test_uploads_wait_for_room_on_the_disk_and_nothing_else_does(tmp_path: Path) -> None:
    there = shutil.disk_usage(tmp_path).free
    for least, status in ((there * 2, 507), (0, 200)):
        client = TestClient(RoomForUploads(echo, tmp_path, least))
        assert client.post("/gradio_api/upload", content=b"x").status_code == status
        assert client.post("/gradio_api/component_server", content=b"x").status_code == 200


def test_a_full_disk_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    visit = Visits(tmp_path).new()
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFull, match="full; try again later"):
        visit.put("map.png", b"x")


def test_a_length_that_is_no_number_is_refused() -> None:
    assert visitor().post("/x", content=b"", headers={"content-length": "-1"}).status_code == 413


def test_reading_is_never_refused_for_its_size() -> None:
    assert visitor().get("/x").text == "0"


@pytest.mark.parametrize("path", ["https://example.com/x.png", "/etc/passwd", None])
def test_a_plain_field_takes_no_file(path: str | None) -> None:
    field = refuse_files(gr.JSON(render=False))
    with pytest.raises(gr.Error, match="plain values"):
        asyncio.run(field.async_move_resource_to_block_cache(path))
