from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.app_startup import measure_app, memory_mb
from bench.latency import Size, measure_network, measure_size, time_picture
from bench.measurement import Measurement, measurements_to_json, measurements_to_text, quantile
from bench.pictures import textured, textured_jpeg
from bench.report import report
from fakeshield_core.engines.stub import StubEngine
from fakeshield_core.errors import EngineUnavailable
from fakeshield_core.imaging import decode
from fakeshield_core.provenance import code_version, cpu_name, provenance


@pytest.mark.parametrize(
    ("value", "budget", "ratio"), [(3.0, 2.0, 1.5), (None, 2.0, None), (3.0, None, None)]
)
def test_ratio_is_value_over_budget_where_both_are_known(
    value: float | None, budget: float | None, ratio: float | None
) -> None:
    measurement = Measurement("speed", value, "s", budget)
    assert measurement.ratio == ratio
    assert measurements_to_json([measurement])[0]["ratio"] == ratio  # type: ignore[index,call-overload]


def test_what_could_not_be_measured_says_why() -> None:
    missing = Measurement("app", None, "s", 8.0, 0, "there is no app.py")
    assert "there is no app.py" in measurements_to_text([missing])
    assert json.loads(json.dumps(measurements_to_json([missing]), allow_nan=False))[0]["value"] is None


def test_quantile_of_a_list_worked_by_hand() -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.5) == 3.0
    assert quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.95) == pytest.approx(4.8)


def test_made_picture_has_the_size_asked_for_and_texture_at_the_finest_scale() -> None:
    rgb = textured(100, 60, seed=1)
    assert rgb.shape == (60, 100, 3)
    assert abs(rgb[:, 1:].astype(int) - rgb[:, :-1]).mean() > 2
    facts = decode(textured_jpeg(0.05)).facts
    assert facts.width * facts.height == pytest.approx(50_000, rel=0.02)
    assert facts.format == "JPEG"


def test_seeds_give_different_pictures_and_the_same_seed_the_same() -> None:
    assert textured_jpeg(0.01, 1) == textured_jpeg(0.01, 1) != textured_jpeg(0.01, 2)


def test_answer_comes_before_the_end() -> None:
    timing = time_picture(StubEngine(), textured_jpeg(0.02))
    assert 0 < timing.answer_s <= timing.told_s <= timing.end_s
    assert timing.answer_cpu_s > 0


def test_each_size_is_measured_against_its_budget() -> None:
    found = list(measure_size(StubEngine(), Size(0.02, 2, wall_budget_s=60.0, cpu_budget_s=60.0)))
    assert [m.unit for m in found] == ["s", "s", "CPU-s", "s", "s", "MB"]
    assert all(m.value is not None and m.value > 0 for m in found)
    assert [m.ratio is not None for m in found] == [False, True, True, False, False, False]


def test_engine_without_a_network_is_not_timed_as_one() -> None:
    measurement = measure_network(StubEngine())
    assert measurement.value is None
    assert measurement.note


def test_peak_memory_is_read_from_the_status_of_a_process() -> None:
    assert memory_mb("Name:\tpython\nVmHWM:\t   1000 kB\nVmRSS:\t 10 kB\n") == pytest.approx(1.024)
    assert memory_mb("Name:\tpython\n") is None


def test_app_that_ends_at_once_is_told_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("raise SystemExit(3)\n")
    found = list(measure_app(tmp_path / "app.py"))
    assert [m.value for m in found] == [None, None]
    assert all(m.note for m in found)


SMALL_APP = """
import http.server, os

class Page(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Page.asked += self.path == "/readyz"
        self.send_response(503 if self.path == "/readyz" and Page.asked < 3 else 200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(os.environ["GRADIO_SERVER_PORT"])), Page).serve_forever()
"""


def test_app_counts_as_ready_only_when_readyz_says_so(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SMALL_APP)
    page, ready, memory = measure_app(tmp_path / "app.py")
    assert page.value is not None and ready.value is not None and memory.value is not None
    assert 0 < page.value < ready.value
    assert 1 < memory.value < 200
    assert (page.ratio, ready.ratio) == (page.value / 8, ready.value / 15)


def test_missing_app_is_told(tmp_path: Path) -> None:
    (measurement,) = measure_app(tmp_path / "app.py")
    assert (measurement.value, measurement.note) == (None, "there is no app.py")


def test_provenance_names_machine_kind_and_code_but_no_folder() -> None:
    source = provenance()
    assert source.cores >= 1
    assert source.cpu
    assert "/" not in (source.code or "")


def test_folder_that_is_no_checkout_has_no_code_version(tmp_path: Path) -> None:
    assert code_version(tmp_path) is None


def test_cpu_name_is_the_first_model_name(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nmodel name\t: Other\n")
    assert cpu_name(tmp_path / "cpuinfo") == "Some CPU @ 2 GHz"


def test_a_report_is_written_and_shown_with_what_made_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.json"
    assert report(lambda: [Measurement("click", 0.2, "s", 0.1)], path, engine="stub") == 0
    document = json.loads(path.read_text())
    assert document["engine"] == "stub" and document["provenance"]["cores"] >= 1
    assert [(m["what"], m["value"], m["ratio"]) for m in document["measurements"]] == [("click", 0.2, 2.0)]
    shown = capsys.readouterr().out
    assert "engine stub" in shown and "click" in shown and "2.00" in shown


def test_a_refused_bench_writes_nothing_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses() -> list[Measurement]:
        raise EngineUnavailable("There is no engine; choose another.")

    assert report(refuses, tmp_path / "r.json") == 1
    assert list(tmp_path.iterdir()) == []
    told = capsys.readouterr()
    assert told.err == "There is no engine; choose another.\n" and told.out == ""
