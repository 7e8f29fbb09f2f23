"""`python -m feedback` from arguments to exit code."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fakeshield_core.manifest import read_manifest, read_mask
from feedback.__main__ import COMMANDS, main
from feedback.store import FeedbackStore
from tests.feedback_fakes import accepted, correction, mask, picture


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedbackStore]:
    """The store the commands work on."""
    monkeypatch.setenv("FAKESHIELD_DATA_DIR", str(tmp_path / "data"))
    with FeedbackStore.open(tmp_path / "data" / "feedback") as opened:
        yield opened


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Exit code and the one document on stdout; fails where stdout holds anything else."""
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_review_lists_what_waits_and_decides(
    store: FeedbackStore, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [store.save_correction(correction(seed)).code for seed in range(3)]
    code, waiting = run_json(capsys, "review")
    assert (code, [item["receipt"] for item in waiting]) == (0, codes)
    assert main(["review", codes[0], codes[1].lower(), "--accept", "--by", "ines"]) == 0
    assert "accepted" in capsys.readouterr().out
    assert main(["review", codes[2], "--reject", "--reason", "mask misses the shadow"]) == 0
    assert [store.case(code).item.state for code in codes] == ["accepted", "accepted", "rejected"]
    review = store.case(codes[2]).item.review
    assert review is not None and review.reason == "mask misses the shadow"
    capsys.readouterr()
    assert main(["review"]) == 0
    assert "Nothing waits" in capsys.readouterr().out


def test_a_receipt_that_cannot_be_reviewed_is_a_complaint_and_the_others_go_on(
    store: FeedbackStore, capsys: pytest.CaptureFixture[str]
) -> None:
    code = store.save_correction(correction()).code
    assert main(["review", "0000-0000-00", code, "--accept"]) == 1
    said = capsys.readouterr()
    assert "0000-0000-00" in said.err and "Traceback" not in said.err
    assert store.case(code).item.state == "accepted"


@pytest.mark.parametrize(
    "arguments",
    [[], ["review", "--accept"], ["review", "K7QF-2M9D-XR"], ["review", "x", "--accept", "--reject"],
     ["forget"], ["export"], ["backup"], ["release", "--max-share", "much"]],
)  # fmt: skip
def test_misuse_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_release_and_export_give_a_manifest_that_evaluate_reads(
    store: FeedbackStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(store, 3)
    accepted(store, 2, first_seed=20, verdict="no_tampering_found", mask=None, finding_kinds=())
    code, preview = run_json(capsys, "release", "--max-share", "1", "--dry-run")
    assert (code, preview["number"], store.releases()) == (0, 1, [])
    code, released = run_json(capsys, "release", "--max-share", "1")
    assert (code, released["manifest_sha256"]) == (0, store.release(1).manifest_sha256)
    store.withdraw(store.items()[0].receipt)
    code, exported = run_json(capsys, "export", "--out", str(tmp_path / "out"))
    assert (code, exported["items"], len(exported["withdrawn"])) == (0, 4, 1)
    manifest = read_manifest(Path(exported["manifest"]))
    assert sorted(row.kind for row in manifest.rows) == ["authentic"] * 2 + ["tampered"] * 2
    forged = [row for row in manifest.rows if row.is_tampered]
    assert all(row.tampering_mask and np.array_equal(read_mask(row.tampering_mask), mask()) for row in forged)
    assert {row.path.read_bytes() for row in manifest.rows} <= {picture(seed).data for seed in (1, 2, 20, 21)}
    assert {row.column("split") for row in manifest.rows} <= {"train", "holdout"}
    assert main(["export", "--out", str(tmp_path / "out")]) == 1
    assert "not empty" in capsys.readouterr().err


def test_nothing_near_a_frozen_picture_is_released(
    store: FeedbackStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(store, 3)
    Image.fromarray(picture(1).rgb).save(tmp_path / "copy.jpg", quality=80)
    with (tmp_path / "frozen.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "kind", "mask"], ["copy.jpg", "authentic", ""]])
    frozen = ["--frozen", str(tmp_path / "frozen.csv")]
    code, released = run_json(capsys, "release", "--max-share", "1", *frozen)
    assert (code, len(released["items"]), released["frozen_pictures"]) == (0, 2, 1)
    assert [entry["reason"] for entry in released["set_aside"]] == ["near a picture of a frozen set"]


def test_a_refusal_is_one_sentence_and_exit_1(
    store: FeedbackStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["release"]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    code, document = run_json(capsys, "export", "--out", "nowhere")
    assert (code, "no release yet" in document["error"]) == (1, True)


def test_stats_verify_and_migrate_describe_the_store(
    store: FeedbackStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(store, 2)
    code, stats = run_json(capsys, "stats")
    assert (code, stats["items"], stats["trainable"]) == (0, {"accepted": 2}, 2)
    assert run_json(capsys, "migrate") == (0, {"schema": "0001"})
    assert main(["verify", "--json", str(tmp_path / "report.json")]) == 0
    assert json.loads((tmp_path / "report.json").read_text())["problems"] == []
    next((tmp_path / "data/feedback/blobs").rglob("*/*")).write_bytes(b"torn")
    capsys.readouterr()
    assert main(["verify"]) == 1
    assert "damaged" in capsys.readouterr().err


def test_backup_purge_and_restore(
    store: FeedbackStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = accepted(store, 2)
    copy = str(tmp_path / "copy")
    assert run_json(capsys, "backup", copy)[1]["events"] == 4
    assert main(["restore", "--from", copy]) == 1
    assert "stop the app" in capsys.readouterr().err
    store.close()
    assert main(["purge", items[0].receipt, "0000-0000-00"]) == 1
    assert f"{items[0].receipt}: deleted" in capsys.readouterr().out
    code, report = run_json(capsys, "restore", "--from", copy)
    assert (code, report["events"]) == (0, 0)  # what was deleted here is not brought back by an older copy
    assert run_json(capsys, "stats")[1]["items"] == {"accepted": 1, "withdrawn": 1}
    next((tmp_path / "data/feedback/events").rglob("*.json")).unlink()
    assert main(["restore"]) == 1
    assert "kept as replaced-" in capsys.readouterr().err


def test_the_module_runs_from_a_shell_without_torch_or_gradio(tmp_path: Path) -> None:
    code = (
        "import sys; from feedback.__main__ import main; ended = main(['stats', '--json']); "
        "print([n for n in ('torch', 'gradio', 'peft') if n in sys.modules], file=sys.stderr); "
        "sys.exit(ended)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={"FAKESHIELD_DATA_DIR": str(tmp_path), "PATH": ""},
        check=True,
    )
    assert ended.stderr.strip() == "[]"
    assert json.loads(ended.stdout)["items"] == {}


def test_there_is_a_command_for_each_promise() -> None:
    assert {*COMMANDS, "restore"} == {
        "stats", "review", "claims", "release", "export", "backup", "restore", "verify", "purge", "migrate",
    }  # fmt: skip
