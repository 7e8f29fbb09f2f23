"""The app as a process: what answers, what programs get, and that it reaches no other host."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file

from fakeshield_core.imaging import decode_map_png, decode_mask_png
from tests.fakes import encoded, marked, textured
from tests.serving import served, status_of

RGB = np.maximum(textured(120, 160), 70)  # no green is as low as in the stub's mark
FORGED = marked(RGB, 30, 40, 40, 60)
SEEN = (FORGED == (255, 0, 255)).all(axis=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("app")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    connected = Client(address, verbose=False)
    yield connected
    connected.close()


def get_json(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.headers["content-type"] == "application/json"
        return json.load(answer)


def call(address: str, file: dict[str, object]) -> str:
    """What the plain HTTP interface answers to a file value that no client library would send."""
    body = json.dumps({"data": [file]}).encode()
    request = urllib.request.Request(
        f"{address}gradio_api/call/analyze", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{address}gradio_api/call/analyze/{event}", timeout=30) as answer:
        return str(answer.read().decode())


def test_probes_answer_json(address: str) -> None:
    assert get_json(f"{address}healthz") == {"alive": True}
    ready = get_json(f"{address}readyz")
    assert (ready["ready"], ready["engine"], ready["adapter"], ready["problem"]) == (True, "stub", None, None)
    assert (ready["store_problem"], ready["clicks_problem"], ready["review"]) == (None, None, "off")
    assert ready["uploads_problem"] is None


def test_unknown_paths_are_not_the_page(address: str) -> None:
    assert status_of(f"{address}no-such-page") == 404
    assert status_of(f"{address}results/") == 404
    assert status_of(f"{address}ui/../app.py") == 404


def test_analyze_gives_schema_v1_a_map_and_a_mask(client: Client, tmp_path: Path) -> None:
    picture = tmp_path / "forged.png"
    picture.write_bytes(encoded(FORGED))
    result, map_file, mask_file = client.predict(handle_file(str(picture)), api_name="/analyze")
    assert (result["schema_version"], result["verdict"], result["engine"]["name"]) == (1, "tampered", "stub")
    assert (result["picture"]["width"], result["picture"]["height"]) == (160, 120)
    assert np.array_equal(decode_mask_png(Path(mask_file).read_bytes()), SEEN)
    assert np.array_equal(decode_map_png(Path(map_file).read_bytes()) > 0.5, SEEN)


def test_broken_file_is_refused_in_one_sentence(client: Client, tmp_path: Path) -> None:
    broken = tmp_path / "invoice.jpg"
    broken.write_bytes(b"%PDF-1.7 not a picture")
    with pytest.raises(Exception, match="content is a PDF") as refused:
        client.predict(handle_file(str(broken)), api_name="/analyze")
    assert "Traceback" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_addresses_are_refused_and_never_fetched(client: Client, address: str) -> None:
    for outside in ("https://example.com/picture.png", f"{address}examples/unedited.jpg"):
        value = {"path": outside, "meta": {"_type": "gradio.FileData"}}
        with pytest.raises(Exception, match="Addresses are not fetched here"):
            client.predict(value, api_name="/analyze")
    assert status_of(f"{address}gradio_api/file=https://example.com/picture.png") == 403


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../../etc/passwd", "app.py"])
def test_files_of_the_server_are_not_read(address: str, path: str) -> None:
    answer = call(address, {"path": path, "meta": {"_type": "gradio.FileData"}})
    assert "event: error" in answer
    assert "root:" not in answer
    assert "Traceback" not in answer


def test_programs_are_offered_the_contract_and_nothing_else(client: Client, address: str) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert list(named) == ["/analyze", "/segment", "/explain", "/feedback", "/case"]
    arguments = [[each["parameter_name"] for each in named[name]["parameters"]] for name in named]
    assert arguments[1:] == [
        ["case_id", "prompts", "prior_rle"],
        ["case_id", "mask_rle"],
        ["case_id", "correction"],
        ["receipt"],
    ]
    described = get_json(f"{address}gradio_api/openapi.json")["paths"]
    assert {f"/gradio_api/call/v2/{name}" for name in ("segment", "feedback", "case")} <= set(described)


def test_page_names_no_other_host_to_load_from(address: str) -> None:
    with urllib.request.urlopen(address, timeout=10) as answer:
        page = answer.read().decode()
    assert "fonts.googleapis" not in page
    assert "magenta" not in page  # the engine's limits come with the load event, not with the start


def test_app_writes_only_below_its_data_folder_and_reaches_no_other_host(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "plain.png"
    picture.write_bytes(encoded(RGB))
    client.predict(handle_file(str(picture)), api_name="/analyze")
    assert (folder / "outside.txt").read_text() == ""
    assert sorted(path.name for path in folder.iterdir()) == ["app.log", "data", "outside.txt"]
    assert sorted(path.name for path in (folder / "data").iterdir()) == ["feedback", "visits"]
    assert "plain.png" not in (folder / "app.log").read_text()


def test_unknown_engine_keeps_the_page_up_and_says_so(tmp_path: Path) -> None:
    with served(tmp_path, engine="nobody", until=503) as running:
        with pytest.raises(urllib.error.HTTPError) as unready:
            urllib.request.urlopen(f"{running}readyz", timeout=10)
        told = json.load(unready.value)
        unready.value.close()
        assert told["ready"] is False
        assert get_json(f"{running}healthz") == {"alive": True}


def test_unknown_setting_ends_the_start_with_one_sentence(tmp_path: Path) -> None:
    app = served(tmp_path, FAKESHIELD_COLOUR="blue")
    with pytest.raises(AssertionError, match="FAKESHIELD_COLOUR is not a setting"), app:
        pass
