"""Correcting and saving against the running app: by programs, by the page, by two people, and killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file

from fakeshield_core.rle import decode_rle, encode_rle
from feedback.store import FeedbackStore
from feedback.verify import verify
from tests.fakes import encoded, marked, textured
from tests.serving import served, served_process
from ui.language import NAMES

RGB = np.maximum(textured(96, 128), 70)  # no green is as low as in the stub's mark
FORGED = marked(RGB, 20, 30, 24, 40)
SEEN = (FORGED == (255, 0, 255)).all(axis=2)
CLICK = {"clicks": [{"x": 90, "y": 70, "positive": True}], "box_xyxy": None}
KILLS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("correcting")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    program = connected(address)
    yield program
    program.close()


def connected(address: str) -> Client:
    return Client(address, verbose=False, httpx_kwargs={"timeout": 60})


def analysed(client: Client, folder: Path, rgb: Any = FORGED) -> dict[str, Any]:
    picture = folder / "picture.png"
    picture.write_bytes(encoded(rgb))
    result: dict[str, Any] = client.predict(handle_file(str(picture)), api_name="/analyze")[0]
    return result


def correction(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "client_uuid": str(uuid.uuid4()),
        "verdict": "tampered",
        "mask_rle": encode_rle(SEEN),
        "how_do_you_know": "made_the_edit",
        "consent": {"store": True, "train": True, "publish": False},
    }
    return given | changes


def post(address: str, body: bytes) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}gradio_api/component_server", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def canvases_of(address: str) -> list[int]:
    """Ids of the components whose scripts may call the server: one on the page of each language."""
    with urllib.request.urlopen(f"{address}config", timeout=60) as answer:
        components = json.load(answer)["components"]
    return [int(each["id"]) for each in components if "segment" in each["props"].get("server_fns", [])]


def server(address: str, component: int, function: str, data: object) -> Any:
    """A call as the canvas makes it."""
    body = {"data": data, "component_id": component, "fn_name": function, "session_hash": "abc"}
    status, text = post(address, json.dumps(body).encode())
    assert status == 200, text
    return json.loads(text)


def test_click_explain_save_and_look_up_as_a_program(client: Client, folder: Path) -> None:
    result = analysed(client, folder)
    case = result["case_id"]
    offered = client.predict(case, CLICK, result["mask"]["rle"], api_name="/segment")
    area = decode_rle(offered["candidates"][0]["rle"])
    assert area[70, 90] and not (area & SEEN).any()
    corrected = encode_rle(SEEN | area)
    assert client.predict(case, corrected, api_name="/explain")["text"].startswith("Two areas")
    sent = correction(mask_rle=corrected)
    saved = client.predict(case, sent, api_name="/feedback")
    assert client.predict(case, sent, api_name="/feedback") == saved
    fate = client.predict(saved["receipt"], api_name="/case")
    assert (fate["state"], fate["kept"]) == ("quarantined", ["picture", "mask", "ratings"])


@pytest.mark.parametrize("page", range(len(NAMES)), ids=NAMES)
def test_the_canvas_calls_the_same_functions(client: Client, address: str, folder: Path, page: int) -> None:
    case, canvas = analysed(client, folder)["case_id"], canvases_of(address)[page]
    assert server(address, canvas, "segment", [case, CLICK, None])["candidates"]
    saved = server(address, canvas, "save", [case, correction()])
    assert server(address, canvas, "fate", saved["receipt"])["state"] == "quarantined"
    assert server(address, canvas, "withdraw", saved["receipt"])["state"] == "withdrawn"
    assert "error" in server(address, canvas, "save", [case, correction(verdict="a lie")])


def test_a_question_in_a_file_field_fetches_and_reads_nothing(client: Client, address: str) -> None:
    for path in ("https://example.com/x.png", "/etc/passwd", f"{address}examples/unedited.jpg"):
        value = {"path": path, "meta": {"_type": "gradio.FileData"}}
        with pytest.raises(Exception) as refused:  # what Gradio raises differs by path
            client.predict("case", value, None, api_name="/segment")
        assert "root:" not in str(refused.value)


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000], ids=["cut off", "nested"])
def test_bodies_that_are_no_json_are_refused(address: str, body: bytes) -> None:
    status, text = post(address, body)
    assert status == 400
    assert "Traceback" not in text


def test_a_body_that_announces_too_much_is_refused_before_it_comes(address: str) -> None:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=30)
    connection.putrequest("POST", "/gradio_api/component_server")
    connection.putheader("Content-Length", str(9 * 1024 * 1024))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "too long" in answer.read().decode()
    connection.close()


def test_only_the_canvas_offers_functions(address: str) -> None:
    canvases = canvases_of(address)
    assert len(canvases) == len(NAMES)
    for canvas in canvases:
        body = {"data": [], "component_id": canvas, "fn_name": "postprocess", "session_hash": "abc"}
        assert post(address, json.dumps(body).encode())[0] == 404


def test_two_people_at_once_do_not_meet(client: Client, address: str, folder: Path) -> None:
    """Different pictures, clicks and saves, interleaved: each gets the answer to their own."""
    canvas = canvases_of(address)[0]
    pictures = [FORGED, marked(np.maximum(textured(64, 80, 5), 70), 8, 8, 20, 24)]
    people = []
    for number, rgb in enumerate(pictures):
        place = folder / str(number)
        place.mkdir()
        people.append(analysed(client, place, rgb))
    told: list[list[Any]] = [[], []]

    def work(person: int) -> None:
        height, width = pictures[person].shape[:2]
        for step in range(10):
            click = {"clicks": [{"x": 5 + 3 * step, "y": height - 5, "positive": True}]}
            answer = server(address, canvas, "segment", [people[person]["case_id"], click, None])
            mask = decode_rle(answer["candidates"][0]["rle"])
            assert mask.shape == (height, width) and mask[height - 5, 5 + 3 * step]
            sent = correction(mask_rle=encode_rle(mask), contributor=f"person-{person}")
            told[person].append(server(address, canvas, "save", [people[person]["case_id"], sent]))

    threads = [threading.Thread(target=work, args=(person,)) for person in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [len(answers) for answers in told] == [10, 10]
    with FeedbackStore.open(folder / "data" / "feedback") as store:  # beside the app, as the commands do
        for person, answers in enumerate(told):
            for answer in answers:
                item = store.case(answer["receipt"]).item
                assert item.content is not None and item.content.kept is not None
                assert item.content.kept.contributor == f"person-{person}"
                assert (item.content.kept.height, item.content.kept.width) == pictures[person].shape[:2]
        assert verify(store).problems == ()


def test_a_save_that_is_killed_and_sent_again_is_one_item(tmp_path: Path) -> None:
    chance = random.Random(7)
    kept: dict[str, str] = {}
    for _ in range(KILLS):
        sent = correction()
        with served_process(tmp_path) as (address, process):
            client = connected(address)
            case, canvas = analysed(client, tmp_path)["case_id"], canvases_of(address)[0]
            client.close()
            killer = threading.Timer(chance.uniform(0, 0.05), process.kill)
            killer.start()
            with contextlib.suppress(OSError):  # cut off: whether it was saved, nobody knows
                kept[sent["client_uuid"]] = server(address, canvas, "save", [case, sent])["receipt"]
            killer.join()
            process.wait(60)
        with served_process(tmp_path) as (address, _):
            client = connected(address)
            again = client.predict(case, sent, api_name="/feedback")
            if again.get("reason") == "gone":  # nothing was on the disk yet; the page sends the picture again
                assert sent["client_uuid"] not in kept
                again = client.predict(analysed(client, tmp_path)["case_id"], sent, api_name="/feedback")
            client.close()
        assert kept.setdefault(sent["client_uuid"], again["receipt"]) == again["receipt"]
    with FeedbackStore.open(tmp_path / "data" / "feedback") as store:
        assert {item.uuid: item.receipt for item in store.items()} == kept
        assert len(store.items()) == KILLS
        assert verify(store).problems == ()


def test_a_store_that_cannot_open_leaves_the_analysis_on_and_says_so(tmp_path: Path) -> None:
    with served(tmp_path, FAKESHIELD_DATABASE_URL="sqlite://") as address:
        client = connected(address)
        result = analysed(client, tmp_path)
        assert client.predict(result["case_id"], CLICK, None, api_name="/segment")["candidates"]
        saved = client.predict(result["case_id"], correction(), api_name="/feedback")
        client.close()
        assert saved["reason"] == "later" and saved["error"].startswith("Saving is off")
        with urllib.request.urlopen(f"{address}readyz", timeout=60) as answer:
            ready = json.load(answer)
        assert (ready["ready"], ready["store"]) == (True, "off")
        assert "FAKESHIELD_DATABASE_URL" in ready["store_problem"]


def test_the_app_closes_its_store_when_it_is_stopped(tmp_path: Path) -> None:
    with served_process(tmp_path) as (address, process):
        client = connected(address)
        case = analysed(client, tmp_path)["case_id"]
        assert "receipt" in client.predict(case, correction(), api_name="/feedback")
        client.close()
        process.terminate()
        assert process.wait(60) == 0
    log = (tmp_path / "app.log").read_text()
    assert "Traceback" not in log and "picture.png" not in log


def test_review_opens_with_the_operators_token(tmp_path: Path) -> None:
    token = "0123456789abcdef-secret"
    with served(tmp_path, FAKESHIELD_REVIEW_TOKEN=token) as address:
        with urllib.request.urlopen(f"{address}readyz", timeout=60) as answer:
            assert json.load(answer)["review"] == "on"
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(f"{address}review", f"action=enter&token={token}".encode(), timeout=60) as answer:
            page = answer.read().decode()
        assert "Nothing waits for review." in page
    assert token not in (tmp_path / "app.log").read_text()
