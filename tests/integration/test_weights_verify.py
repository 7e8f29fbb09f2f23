"""`verify` on tiny weights in the published layout: whole as they are, a sentence for each planted fault."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fakeshield_core.checkpoints.fakeshield import CLIP_REPOSITORY, locate
from fakeshield_core.checkpoints.manifest import FileRecord, Manifest, write
from fakeshield_core.checkpoints.verify import PartReport, require_whole, verify
from fakeshield_core.errors import EngineUnavailable
from tests.fake_hub import lay_out, small_dtg

PARTS = "fakeshield-v1-22b"
DTE = f"{PARTS}/DTE-FDM"
MFLM = f"{PARTS}/MFLM"
SHARD = f"{DTE}/model-00002-of-00002.safetensors"
BIN = f"{MFLM}/pytorch_model-00001-of-00002.bin"
Fault = Callable[[Path], None]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "w")


def problems(folder: Path) -> dict[str, str]:
    """Part -> its only problem, for the parts that are not whole."""
    reports = verify(locate(folder))
    assert all(len(report.problems) <= 1 for report in reports), reports
    return {report.name: report.problems[0] for report in reports if report.problems}


def remove(name: str) -> Fault:
    return lambda folder: (folder / name).unlink()


def cut(name: str) -> Fault:
    def fault(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) * 2 // 3])

    return fault


def edit(name: str, **values: object) -> Fault:
    def fault(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**document, **values}))

    return fault


def change(name: str, tensor: str, new: Callable[[torch.Tensor], torch.Tensor]) -> Fault:
    """Another tensor under the same name, in a shard of either form."""

    def fault(folder: Path) -> None:
        path = folder / name
        safe = path.suffix == ".safetensors"
        state = load_file(path) if safe else torch.load(path, weights_only=True)
        state[tensor] = new(state[tensor]).contiguous()
        (save_file if safe else torch.save)(state, path)

    return fault


def forget(name: str, tensor: str) -> Fault:
    """A name that the index no longer holds."""

    def fault(folder: Path) -> None:
        table = json.loads((folder / name).read_text())["weight_map"]
        (folder / name).write_text(
            json.dumps({"weight_map": {k: v for k, v in table.items() if k != tensor}})
        )

    return fault


def rename_dtg_head(folder: Path) -> None:
    state = small_dtg()
    state["head.weight"] = state.pop("fc.weight")
    torch.save(state, folder / PARTS / "DTG.pth")


def with_code(folder: Path) -> None:
    torch.save({"model.norm.weight": Path("x")}, folder / BIN)


def test_the_tiny_weights_are_whole(weights: Path) -> None:
    assert problems(weights) == {}
    by_name = {report.name: report for report in verify(locate(weights))}
    assert by_name["DTG"].tensors == 320
    assert by_name["DTE-FDM"].dtypes == {"float16": 25, "float32": 71}
    assert (by_name["MFLM"].tensors, by_name["MFLM"].ignored) == (262, 43 + 2)
    assert CLIP_REPOSITORY in by_name["CLIP"].notes[0]


def test_without_clip_beside_them_the_copy_is_verified_by_its_own_tensors(weights: Path) -> None:
    shutil.rmtree(weights / "openai")
    assert problems(weights) == {}
    clip = next(report for report in verify(locate(weights)) if report.name == "CLIP")
    assert clip.tensors == 71
    assert "copy inside DTE-FDM" in clip.notes[0]


FAULTS: dict[str, tuple[Fault, dict[str, str]]] = {
    "missing shard": (remove(SHARD), {"DTE-FDM": r"model-00002-of-00002\.safetensors is missing"}),
    "missing .bin shard": (remove(BIN), {"MFLM": r"pytorch_model-00001-of-00002\.bin is missing"}),
    "truncated file": (cut(SHARD), {"DTE-FDM": "model-00002-of-00002.safetensors is incomplete or damaged"}),
    "truncated .bin": (cut(BIN), {"MFLM": "pytorch_model-00001-of-00002.bin is incomplete or damaged"}),
    "pickled code": (with_code, {"MFLM": r"holds code \(pathlib.*\) where only tensors belong"}),
    "missing DTG": (remove(f"{PARTS}/DTG.pth"), {"DTG": r"DTG\.pth is missing"}),
    "truncated DTG": (cut(f"{PARTS}/DTG.pth"), {"DTG": r"DTG\.pth is incomplete or damaged"}),
    "values that are not finite": (
        change(BIN, "model.mm_projector.0.bias", lambda t: t * torch.inf),
        {"MFLM": r"not finite in model\.mm_projector\.0\.bias"},
    ),
    "no [SEG] in the tokenizer": (
        edit(f"{MFLM}/added_tokens.json", **{"[SEG]": 10**6}),
        {"MFLM": r"gives \[SEG\] an id beyond its 519 rows"},
    ),
    "an index without a tensor": (
        forget(f"{DTE}/model.safetensors.index.json", "model.norm.weight"),
        {"DTE-FDM": r"DTE-FDM lacks model\.norm\.weight; download it again"},
    ),
    "a config of other sizes": (
        edit(f"{DTE}/config.json", num_hidden_layers=3),
        {"DTE-FDM": r"lacks model\.layers\.2\..* and 6 more tensors"},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_gives_its_one_sentence(weights: Path, name: str) -> None:
    plant, expected = FAULTS[name]
    plant(weights)
    found = problems(weights)
    assert found.keys() == expected.keys()
    for part, pattern in expected.items():
        with pytest.raises(EngineUnavailable, match=pattern):
            require_whole([PartReport(part, problems=(found[part],))])


def test_a_wrong_shape_is_named_with_both_shapes(weights: Path) -> None:
    change(f"{DTE}/model-00001-of-00002.safetensors", "model.norm.weight", lambda t: t[:-1])(weights)
    found = [p for report in verify(locate(weights)) for p in report.problems]
    assert any("model.norm.weight has shape [63] instead of [64]" in problem for problem in found)
    assert any("and its index states" in problem for problem in found)


def test_a_strange_name_and_the_missing_one_are_both_named(weights: Path) -> None:
    rename_dtg_head(weights)
    found = next(report.problems for report in verify(locate(weights)) if report.name == "DTG")
    assert [problem.split(";")[0] for problem in found] == [
        "DTG lacks fc.weight",
        "DTG holds head.weight, which do not belong there",
    ]


@pytest.mark.parametrize(
    ("fault", "pattern"),
    [
        (edit("tiny_sam_config.json", prompt_embed_dim=64), "MFLM gives prompts of 32 and SAM takes 64"),
        (edit(f"{MFLM}/config.json", mm_hidden_size=48), "MFLM takes image features of 48 and CLIP gives 32"),
        (remove(f"{MFLM}/added_tokens.json"), r"tokenizer gives \[SEG\] 0 ids"),
        (edit(f"{MFLM}/added_tokens.json", **{"<im_start>": 10**6}), "<im_start> an id beyond its 519 rows"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_told(weights: Path, fault: Fault, pattern: str) -> None:
    fault(weights)
    found = [problem for report in verify(locate(weights)) for problem in report.problems]
    assert any(re.search(pattern, problem) for problem in found), found


def test_files_are_compared_with_their_record(weights: Path) -> None:
    good = FileRecord((weights / SHARD).stat().st_size, "0" * 64)
    write(weights, Manifest("downloaded", {"a/b": "c"}, True, {SHARD: good}))
    assert verify(locate(weights))[-1].problems == ()
    (problem,) = verify(locate(weights), digests=True)[-1].problems
    assert "differs from its recorded SHA-256" in problem
    bad = {SHARD: FileRecord(good.size_bytes + 1, "0" * 64), "gone": good}
    write(weights, Manifest("downloaded", {}, False, bad))
    incomplete, size, gone = verify(locate(weights))[-1].problems
    assert "is not complete" in incomplete
    assert f"instead of {good.size_bytes + 1}" in size
    assert gone.startswith("gone is missing")
