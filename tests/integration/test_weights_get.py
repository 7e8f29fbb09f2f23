"""`get` against a hub on the loopback: whole, resumed, refused; and the command from arguments to files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakeshield_core.__main__ import main
from fakeshield_core.checkpoints import download, manifest
from fakeshield_core.checkpoints.fakeshield import CLIP_REPOSITORY, REPOSITORY, locate
from fakeshield_core.checkpoints.hub import list_files, part_of
from fakeshield_core.checkpoints.verify import verify
from fakeshield_core.errors import EngineUnavailable
from tests.fake_hub import COMMIT, FakeHub, lay_out, published, running

ROOT = Path(__file__).resolve().parents[2]
SHARD = "MFLM/pytorch_model-00001-of-00002.bin"
NOTHING = (0,) * 9  # more drops without a byte than the hub library puts up with
MAIN = download.sources("main", "main")


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine says, here the hub may be asked: it is on the loopback."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # what commands in a process of their own read
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # what was read at import


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr(
        "huggingface_hub.file_download.time.sleep", lambda _: None
    )  # its pauses between tries
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)  # what it may lose at a drop
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no token"))
    with running(published(lay_out(tmp_path / "origin"))) as served:
        yield served


def get(hub: FakeHub, folder: Path, sources: tuple[download.Source, ...] = MAIN) -> manifest.Manifest:
    return download.download(download.plan(folder, sources, hub.url), hub.url)


def asked_for(hub: FakeHub, name: str) -> list[str | None]:
    return [span for path, span in hub.asked if path == name]


def test_what_was_got_is_whole_and_equal_to_what_was_published(hub: FakeHub, tmp_path: Path) -> None:
    record = get(hub, tmp_path / "w")
    shutil.copyfile(tmp_path / "origin/tiny_sam_config.json", tmp_path / "w/tiny_sam_config.json")
    assert [p for report in verify(locate(tmp_path / "w"), digests=True) for p in report.problems] == []
    for name, data in hub.files[REPOSITORY].items():
        path = tmp_path / "w/fakeshield-v1-22b" / name
        assert name == "README.md" or path.read_bytes() == data
    assert (tmp_path / "w" / CLIP_REPOSITORY / "pytorch_model.bin").is_file()
    assert record.complete
    assert dict(record.origin) == {REPOSITORY: COMMIT, CLIP_REPOSITORY: COMMIT}


def test_only_what_is_needed_is_downloaded(hub: FakeHub, tmp_path: Path) -> None:
    hub.files[CLIP_REPOSITORY] |= {"model.safetensors": b"newer", "tf_model.h5": b"x" * 100}
    hub.files[REPOSITORY]["DTE-FDM/../../escaped"] = b"x"
    get(hub, tmp_path / "w")
    names = {name for name, _ in hub.asked}
    assert "model.safetensors" in names
    assert not names & {"README.md", "tf_model.h5", "pytorch_model.bin", "DTE-FDM/../../escaped"}


def test_a_token_goes_to_the_hub_and_not_where_large_files_are(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    get(hub, tmp_path / "w")
    assert "MFLM/config.json" in hub.told_token
    assert not hub.told_token & {SHARD, "DTG.pth"}


def test_a_second_call_downloads_nothing(hub: FakeHub, tmp_path: Path) -> None:
    first = get(hub, tmp_path / "w")
    hub.asked.clear()
    assert get(hub, tmp_path / "w") == first
    assert hub.asked == []


def test_half_a_download_is_told_and_goes_on_where_it_stopped(hub: FakeHub, tmp_path: Path) -> None:
    hub.cut[SHARD] = [200_000, *NOTHING]
    target = tmp_path / "w/fakeshield-v1-22b" / SHARD
    with pytest.raises(
        EngineUnavailable, match=rf"download of {SHARD} stopped .*; run the same command again"
    ):
        get(hub, tmp_path / "w")
    assert not target.exists()
    recorded = manifest.read(tmp_path / "w")
    assert recorded is not None
    assert not recorded.complete
    hub.cut.clear()
    hub.asked.clear()
    again = download.plan(tmp_path / "w", MAIN, hub.url)
    files = [path for path in (tmp_path / "w").rglob("*") if path.is_file() and path.name != manifest.NAME]
    have = sum(path.stat().st_size for path in files)
    assert again.lacking_bytes == again.total_bytes - have
    download.download(again, hub.url)
    assert asked_for(hub, SHARD) == ["bytes=200000-"]
    assert target.read_bytes() == hub.files[REPOSITORY][SHARD]
    assert not part_of(target, COMMIT).exists()


def test_a_line_that_drops_now_and_then_is_taken_up_at_once(hub: FakeHub, tmp_path: Path) -> None:
    hub.cut[SHARD] = [200_000, 200_000, 0, 200_000]
    get(hub, tmp_path / "w")
    spans = asked_for(hub, SHARD)
    assert spans == [None, "bytes=200000-", "bytes=400000-", "bytes=400000-", "bytes=600000-"]


def test_what_arrives_damaged_is_deleted_and_told(hub: FakeHub, tmp_path: Path) -> None:
    hub.spoilt.add("DTG.pth")
    with pytest.raises(EngineUnavailable, match=r"DTG\.pth arrived damaged and was deleted"):
        get(hub, tmp_path / "w")
    assert list((tmp_path / "w/fakeshield-v1-22b").glob("DTG*")) == []


def test_files_copied_by_hand_are_taken_when_their_digest_is_right(hub: FakeHub, tmp_path: Path) -> None:
    for name in ("DTG.pth", SHARD):
        path = tmp_path / "w/fakeshield-v1-22b" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(hub.files[REPOSITORY][name])
    spoilt = bytearray(hub.files[REPOSITORY]["DTG.pth"])
    spoilt[-1] ^= 1
    (tmp_path / "w/fakeshield-v1-22b/DTG.pth").write_bytes(spoilt)
    get(hub, tmp_path / "w")
    assert asked_for(hub, SHARD) == []
    assert asked_for(hub, "DTG.pth") == [None]


def test_a_disk_without_room_is_told_before_anything_is_downloaded(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = download.plan(tmp_path / "w", MAIN, hub.url)
    monkeypatch.setattr(manifest, "RESERVE_BYTES", 10**18)
    with pytest.raises(EngineUnavailable, match="GB are free; free some space or name another folder"):
        download.download(plan, hub.url)
    assert hub.asked == []
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(("revision", "warned"), [("main", True), (COMMIT, False)])
def test_a_branch_is_warned_about_and_a_commit_is_not(
    hub: FakeHub, tmp_path: Path, revision: str, warned: bool
) -> None:
    plan = download.plan(tmp_path / "w", download.sources(revision, revision), hub.url)
    assert bool(plan.warnings) == warned
    assert all(COMMIT in warning for warning in plan.warnings)


def test_without_a_revision_the_pinned_commits_are_asked_for() -> None:
    assert [len(source.revision) for source in download.sources(None)] == [40, 40]
    assert len({source.revision for source in download.sources(None)}) == 2


def test_a_branch_that_moved_does_not_mix_two_commits(hub: FakeHub, tmp_path: Path) -> None:
    """A download that began at one commit goes on there, whatever the branch means since."""
    hub.cut[SHARD] = [*NOTHING]
    with pytest.raises(EngineUnavailable):
        get(hub, tmp_path / "w")
    hub.revisions.discard("main")  # asked for again, it would be refused
    hub.cut.clear()
    assert get(hub, tmp_path / "w").complete


@pytest.mark.parametrize(
    ("repository", "revision", "pattern"),
    [
        (REPOSITORY, "f" * 40, f"{REPOSITORY} has no revision ffff"),
        ("nobody/nothing", "main", "The hub gives no nobody/nothing"),
        (CLIP_REPOSITORY, "main", "holds none of the expected files"),
    ],
)
def test_what_the_hub_does_not_have_is_told(
    hub: FakeHub, repository: str, revision: str, pattern: str
) -> None:
    with pytest.raises(EngineUnavailable, match=pattern):
        list_files(repository, revision, ("DTG.pth",), hub.url)


def test_a_folder_that_cannot_be_made_is_told(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineUnavailable, match=r"file/w cannot be written \(.*\); name another --dir"):
        get(hub, tmp_path / "file/w")


def test_a_hub_that_is_not_there_is_told() -> None:
    with pytest.raises(EngineUnavailable, match=r"hub cannot be reached .*set FAKESHIELD_WEIGHTS_DIR"):
        list_files(REPOSITORY, "main", ("*",), "http://127.0.0.1:9")


def run(hub: FakeHub, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: the hub library reads its settings on import."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "FAKESHIELD_"))}
    extra = {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(data / "hf"),
        "FAKESHIELD_WEIGHTS_DIR": str(data / "w"),
    }
    command = [sys.executable, "-m", "fakeshield_core", "weights", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=ours | extra, timeout=120)


def test_the_command_shows_terms_first_then_gets_verifies_and_converts(hub: FakeHub, tmp_path: Path) -> None:
    at_main = ("--revision", "main", "--clip-revision", "main")
    shown = run(hub, tmp_path, "get", *at_main)
    assert shown.returncode == 1
    assert "LLaMA 2 Community License" in shown.stdout
    assert "apache-2.0" in shown.stdout
    assert "--accept-terms" in shown.stderr
    assert not (tmp_path / "w").exists()
    got = run(hub, tmp_path, "get", *at_main, "--accept-terms", "--json")
    assert got.returncode == 0, got.stderr
    assert json.loads(got.stdout)["commits"][REPOSITORY] == COMMIT
    assert "GB)" in got.stderr  # progress
    shutil.copyfile(tmp_path / "origin/tiny_sam_config.json", tmp_path / "w/tiny_sam_config.json")
    verified = run(hub, tmp_path, "verify", "--digests", "--json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["whole"]
    converted = run(hub, tmp_path, "convert", "--out", str(tmp_path / "safe"))
    assert converted.returncode == 0, converted.stderr
    assert f"FAKESHIELD_WEIGHTS_DIR={tmp_path / 'safe'}" in converted.stdout


def test_verify_names_what_is_wrong_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lay_out(tmp_path / "w")
    (folder / "fakeshield-v1-22b" / SHARD).unlink()
    monkeypatch.setenv("FAKESHIELD_WEIGHTS_DIR", str(folder))
    assert main(["weights", "verify"]) == 1
    printed = capsys.readouterr()
    assert "MFLM: NOT WHOLE" in printed.out
    assert "DTE-FDM: whole" in printed.out
    assert "pytorch_model-00001-of-00002.bin is missing" in printed.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--card", "A10G"], 0, "nf4"),
        (["--card", "L40S"], 0, "published precision"),
        (["--memory-gb", "12"], 0, "do not fit at once"),
        (["--memory-gb", "8"], 1, "does not fit on 8 GB"),
        (["--card", "nothing"], 1, "No card named"),
    ],
)
def test_plan_says_what_fits(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "plan", *arguments]) == code
    printed = capsys.readouterr()
    assert words in printed.out + printed.err


def test_plan_gives_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "plan", "--card", "H200", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["card"]["name"] == "H200"
    assert document["journeys_ms"]["verdict"] > 0
    assert len(document["parts"]) == 6


def test_an_unknown_engine_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["weights", "verify", "--engine", "stub"])
    assert stopped.value.code == 2
