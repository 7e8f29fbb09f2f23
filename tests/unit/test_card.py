"""The model card's block of development results says what the results file says, for both report versions."""

from __future__ import annotations

import copy
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.baselines import compare, comparison_to_json
from bench.card import figure
from bench.card_dev import dev_block, measured_rates
from bench.readme import card_text
from fakeshield_core.domain import RgbImage
from fakeshield_core.engines.stub import MARK_RGB, StubEngine
from fakeshield_core.evaluate_figures import Bootstrap
from fakeshield_core.manifest import read_manifest
from fakeshield_core.synthesis.forgeries import Forged, Kind, forge
from fakeshield_core.synthesis.scenes import scene

Document = dict[str, Any]
CASIA, IMD, PLAIN, OTHER = "CASIA v1.0", "IMD2020 (subset)", "BSDS500", "Human-Segmentation-Dataset"
SEEN = ("splice", "copy_move")  # kinds that are painted in the stub's colour in part
HEAD = "path,kind,mask,dataset,tampering,authentic_use,group"


def painted(rgb: RgbImage, left: np.ndarray) -> RgbImage:
    """The picture with the stub's colour where the plane is true."""
    return np.where(left[:, :, None], np.array(MARK_RGB, np.uint8), rgb)


def save_forgery(folder: Path, name: str, forged: Forged, seen: bool) -> None:
    """The forgery, its upper half painted where the stub shall see it; the whole mask beside it."""
    upper = forged.mask.copy()
    upper[int(np.median(np.nonzero(forged.mask)[0])) :] = False
    Image.fromarray(painted(forged.rgb, upper) if seen else forged.rgb).save(folder / f"{name}.png")
    Image.fromarray(forged.mask).save(folder / f"{name}-mask.png")


def save_scenes(folder: Path) -> Path:
    """Two sets with both classes, one with two kinds; two sets of untouched pictures, one unvouched."""
    lines = [HEAD]
    forgeries: tuple[tuple[str, str, Kind], ...] = (
        (CASIA, "splicing", "splice"),
        (CASIA, "splicing", "splice"),
        (CASIA, "copy-move", "copy_move"),
        (CASIA, "copy-move", "removal"),
        (IMD, "various", "splice"),
        (IMD, "various", "removal"),
    )
    for number, (dataset, tampering, kind) in enumerate(forgeries):
        host, donor = (scene(seed, 96, 128).rgb for seed in (number, 50 + number))
        save_forgery(
            folder, f"t{number}", forge(host, donor, kind, np.random.default_rng(number)), kind in SEEN
        )
        Image.fromarray(host).save(folder / f"a{number}.png")
        lines += [
            f"t{number}.png,tampered,t{number}-mask.png,{dataset},{tampering},,g{number}",
            f"a{number}.png,authentic,,{dataset},,,g{number}",
        ]
    for number, (dataset, vouched) in enumerate(((PLAIN, "yes"),) * 3 + ((OTHER, ""),) * 2):
        corner = np.zeros((96, 128), np.bool_)
        corner[:30, :30] = number in (0, 3)  # one of each set is a false alarm
        Image.fromarray(painted(scene(90 + number, 96, 128).rgb, corner)).save(folder / f"s{number}.png")
        lines.append(f"s{number}.png,segmentation,,{dataset},,{vouched},s{number}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """What `bench.baselines` writes about a few procedural scenes, report version 2."""
    manifest = read_manifest(save_scenes(tmp_path_factory.mktemp("scenes")))
    report, results = compare(StubEngine(), manifest, Bootstrap(seed=0, resamples=100))
    found: Document = json.loads(json.dumps(comparison_to_json(report, results, manifest)))
    assert found["engine"]["report_version"] == 2
    return found


def as_version_1(document: Document) -> Document:
    """The same results as files of report version 1 have them."""
    old = copy.deepcopy(document)
    old["engine"]["report_version"] = 1
    parts = [*old["engine"]["slices"], *(m for image in old["engine"]["images"] for m in image["measured"])]
    for part in parts:
        part["recompressed_at"] = {None: None, "jpeg85": 85}[part.pop("change")]
    for name in ("false_alarms", "firm_verdicts_jpeg_85"):
        del old["summary"][name]
    return old


def tables(block: str) -> list[list[dict[str, str]]]:
    """The block's tables: rows by heading; a heading that comes again gets the number of its column."""
    found: list[list[dict[str, str]]] = []
    for section in block.split("\n\n"):
        if section.startswith("|"):
            head, _, *rows = ([c.strip() for c in line[1:-1].split("|")] for line in section.splitlines())
            titles = [f"{t} {n}" if t in head[:n] else t for n, t in enumerate(head)]
            found.append([dict(zip(titles, row, strict=True)) for row in rows])
    return found


def part_of(document: Document, row: dict[str, str]) -> Document:
    """The slice that a row is about."""
    change = {"file": None, "JPEG 85": "jpeg85"}[row["as"]]
    dataset, _, tampering = row["data set"].partition(", ")
    found: Document = next(
        part
        for part in document["engine"]["slices"]
        if (part["dataset"], part["tampering"] or "", part["change"]) == (dataset, tampering, change)
    )
    return found


def test_pixel_rows_are_those_of_every_set_with_masks_and_its_kinds(document: Document) -> None:
    where, best, *_ = tables(dev_block(document, "dev-x.json"))
    expected = [CASIA, f"{CASIA}, splicing", f"{CASIA}, copy-move", IMD]
    assert [row["data set"] for row in where] == [name for name in expected for _ in range(2)]
    assert [row["as"] for row in where] == ["file", "JPEG 85"] * 4
    assert [row["pictures"] for row in where[::2]] == ["4", "2", "2", "2"]
    for row, oracle in zip(where, best, strict=True):
        part = part_of(document, row)
        assert row["F1"] == figure(part["pixel"]["f1"])
        assert row["IoU"] == figure(part["pixel"]["iou"])
        assert row["AUC"] == figure(part["pixel"]["auc"])
        assert oracle["best single threshold"] == figure(part["oracle"]["best_single_threshold_f1"])
        assert oracle["best of each picture"] == figure(part["oracle"]["best_f1"])
        assert oracle["permute F1"] == figure(part["oracle"]["permute_f1"])
    assert len({row["F1"] for row in where}) > 2  # the fixture tells the rows apart


def test_engine_stands_beside_the_centre_blob_and_the_best_other_method(document: Document) -> None:
    beside = tables(dev_block(document, "dev-x.json"))[2]
    assert [row["data set"] for row in beside] == [CASIA] * 3 + [IMD] * 3
    for engine, blob, best in (beside[:3], beside[3:]):
        methods = [b for b in document["baselines"] if b["dataset"] == engine["data set"]]
        by_name = {b["name"].replace("_", " "): b for b in methods}
        assert (engine["method"], blob["method"]) == ("**engine**", "centre blob")
        chosen = by_name[best["method"]]
        assert chosen["name"] != "centre_blob"
        for name, other in by_name.items():
            if name != "centre blob":
                assert (
                    chosen["f1_at_best_single_threshold"]["value"]
                    >= other["f1_at_best_single_threshold"]["value"]
                )
        for row in (blob, best):
            told = by_name[row["method"]]
            assert row["F1 at best threshold"] == figure(told["f1_at_best_single_threshold"])
            assert row["AUC"] == figure(told["auc"])
            assert row["engine ahead by"] == figure(told["engine_minus_baseline"])


def test_image_rows_are_those_of_every_set_with_both_classes(document: Document) -> None:
    whether = tables(dev_block(document, "dev-x.json"))[3]
    assert {row["data set"] for row in whether} == {CASIA, f"{CASIA}, splicing", f"{CASIA}, copy-move", IMD}
    assert whether[0]["pictures"] == "4 + 4"
    for row in whether:
        image = part_of(document, row)["image"]
        assert row["AUC"] == figure(image["auc"])
        assert row["accuracy"] == figure(image["accuracy_at_half"])
        assert row["F1"] == figure(image["f1_at_half"])
        assert row["found at 5 % false alarms"] == figure(image["detection_at_5_percent"])
        assert row["calibration error"] == figure(image["calibration_error"])


def test_false_alarms_are_told_of_every_set_also_of_one_that_no_slice_holds(document: Document) -> None:
    rows = {row["data set"]: row for row in tables(dev_block(document, "dev-x.json"))[4]}
    assert list(rows) == [CASIA, f"{CASIA}, splicing", f"{CASIA}, copy-move", IMD, PLAIN, OTHER]
    assert rows[PLAIN]["false alarms"].startswith("0.33 [")
    assert rows[OTHER]["false alarms"].startswith("0.50 [")
    assert rows[CASIA]["false alarms"].startswith("0.00")
    assert rows[CASIA]["found"].startswith("0.75 [")
    assert rows[PLAIN]["found"] == "–"
    assert rows[OTHER]["no firm verdict"] == "0 of 2"


def test_what_is_counted_again_for_a_set_is_what_its_slice_says(document: Document) -> None:
    without = copy.deepcopy(document)
    without["engine"]["slices"] = [p for p in document["engine"]["slices"] if p["dataset"] != PLAIN]
    kept, counted = (
        next(row for row in tables(dev_block(d, "x"))[4] if row["data set"] == PLAIN)
        for d in (document, without)
    )
    assert counted == kept


def test_pooled_counts_are_those_of_the_summary_with_intervals(document: Document) -> None:
    pooled, auc, firm = dev_block(document, "dev-x.json").splitlines()[-3:]
    assert document["summary"]["false_alarms"]["above_threshold"] == 2
    assert pooled.startswith(
        "- All 11 authentic and segmentation pictures as files: 2 score above the threshold"
    )
    assert "(18.2 % [" in pooled and "at most 50 % of a data set), 2 get the verdict" in pooled
    assert auc.endswith(f"{document['summary']['mean_image_auc_jpeg_85']:.2f}.")
    counts = document["summary"]["firm_verdicts_jpeg_85"]
    assert 0 < counts["right"] < counts["firm"] == counts["pictures"] == 12
    assert f"12 of 12 pictures (100.0 % [100.0–100.0]), {counts['right']} of these right" in firm
    assert f"({100 * counts['right'] / 12:.1f} % [" in firm


def test_an_unsure_answer_is_no_firm_verdict(document: Document) -> None:
    """Where the engine leaves open what it gets wrong, all firm verdicts are right, with their interval."""
    unsure = copy.deepcopy(document)
    counts = unsure["summary"]["firm_verdicts_jpeg_85"]
    counts["firm"] = counts["right"] = 10
    changed = 0
    for image in unsure["engine"]["images"]:
        pressed = next(m for m in image["measured"] if m["change"] == "jpeg85")
        if image["columns"]["kind"] == "tampered" and pressed["verdict"] == "no_tampering_found":
            pressed["verdict"] = "inconclusive"
            changed += 1
    assert changed == 2
    line = dev_block(unsure, "x").splitlines()[-1]
    assert "10 of 12 pictures (83.3 % [" in line and "83.3 % [100.0" not in line
    assert line.endswith("10 of these right (100.0 % [100.0–100.0]).")


def test_a_file_of_version_1_gets_the_same_tables_without_the_counts(document: Document) -> None:
    new, old = (dev_block(d, "dev-x.json").splitlines() for d in (document, as_version_1(document)))
    assert [line for line in new if not line.startswith(("- All", "- Firm"))] == old
    assert len(new) == len(old) + 2


def test_figures_that_a_file_lacks_are_left_open(document: Document) -> None:
    poor = copy.deepcopy(document)
    for part in poor["engine"]["slices"]:
        del part["pixel"]["iou"], part["oracle"]["permute_f1"], part["image"]["calibration_error"]
    where, best, _, whether, _ = tables(dev_block(poor, "dev-x.json"))
    assert {row["IoU"] for row in where} == {row["permute F1"] for row in best} == {"–"}
    assert {row["calibration error"] for row in whether} == {"–"}


def test_pictures_that_could_not_be_measured_are_told(document: Document) -> None:
    failed = copy.deepcopy(document)
    failed["engine"]["failures"] = [{"name": "a", "reason": "b"}]
    assert "Not measured" not in dev_block(document, "x")
    assert "Not measured: 1 picture" in dev_block(failed, "x")


def test_a_card_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dev results.* is missing"):
        card_text("no marks")


def test_rates_are_counted_from_verdicts_on_pictures_compressed_alike(document: Document) -> None:
    told = copy.deepcopy(document)
    told["summary"]["auc_sets"] = sorted({image["columns"]["dataset"] for image in told["engine"]["images"]})
    counts: dict[bool, list[str]] = {True: [], False: []}
    verdicts = itertools.cycle(("tampered", "no_tampering_found", "inconclusive"))
    for image in told["engine"]["images"]:
        pressed = next(m for m in image["measured"] if m["change"] == "jpeg85")
        pressed["verdict"] = next(verdicts)
        columns = image["columns"]
        if columns["kind"] in ("tampered", "authentic") or columns.get("authentic_use") == "yes":
            counts[columns["kind"] == "tampered"].append(pressed["verdict"])
    rates = measured_rates(told)
    share = {kind: Counter(counts[kind]) for kind in counts}
    total = len(counts[True]) + len(counts[False])
    assert rates["false_alarm_per_100"] == round(100 * share[False]["tampered"] / len(counts[False]), 1)
    assert rates["missed_per_100"] == round(100 * share[True]["no_tampering_found"] / len(counts[True]), 1)
    unsure = sum(each["inconclusive"] for each in share.values())
    assert rates["inconclusive_per_100"] == round(100 * unsure / total, 1) > 0
    assert rates["readings"] == total
