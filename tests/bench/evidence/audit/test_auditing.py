"""The whole audit, on cells on disk with known faults, and on the real lists and cells where they are."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import bench
from bench.cli.app import app
from bench.datasets.loading import open_data
from bench.datasets.phantom.reader import PhantomSpec, write_phantom
from bench.errors import BenchError
from bench.evidence.audit.auditing import audit, write_audit
from bench.evidence.audit.findings import TITLES, Audit
from bench.options import make_options

DOCS = Path(__file__).parents[4] / "docs/audit"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantom cells of 6 + 6 patients, written once; tests copy them before they spoil them."""
    folder = tmp_path_factory.mktemp("audit") / "cells"
    write_phantom(PhantomSpec(patients=6, cells=5, spread=0.2, size=120, seed=2), folder)
    return folder


@pytest.fixture
def cells(clean: Path, tmp_path: Path) -> Path:
    return shutil.copytree(clean, tmp_path / "cells")


def manifest(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv", dtype=str)[["path", "label", "patient"]]


def save(folder: Path, table: pd.DataFrame) -> None:
    table.to_csv(folder / "manifest.csv", index=False)


def add(folder: Path, name: str, image: np.ndarray, *, like: int, **changed: str) -> None:
    """Write one more cell, listed as the `like`-th is but for what is changed."""
    table = manifest(folder)
    assert cv2.imwrite(str(folder / name), image)
    row = {**table.iloc[like].to_dict(), "path": name, **changed}
    save(folder, pd.concat([table, pd.DataFrame([row])], ignore_index=True))


def image_of(folder: Path, row: int) -> np.ndarray:
    return cv2.imread(str(folder / manifest(folder)["path"][row]))


def codes(result: Audit) -> dict[str, str]:
    return {finding.code: finding.level for finding in result.findings}


def other_patient(folder: Path, row: int, *, same_label: bool = True) -> str:
    table = manifest(folder)
    here = table.iloc[row]
    others = table[(table["patient"] != here["patient"]) & ((table["label"] == here["label"]) == same_label)]
    return str(others["patient"].iloc[0])


def test_clean_cells_pass_and_every_check_is_reported(cells: Path) -> None:
    result = bench.audit(cells)
    assert result.findings == ()
    assert result.passed
    assert [check.code for check in result.checks] == sorted(TITLES)
    assert {check.code for check in result.checks if check.outcome == "not checked"} == {"A004", "A005", "A009"}
    assert result.counts["patients"] == result.counts["split_units"] == 12
    assert result.counts["cells"] == len(manifest(cells))
    assert result.digest == open_data(make_options({"data": str(cells)})).digest


def test_a_mirrored_copy_under_another_patient_is_identical_and_links(cells: Path) -> None:
    add(cells, "copy.png", image_of(cells, 0)[::-1], like=0, patient=other_patient(cells, 0))
    result = audit(cells)
    assert codes(result)["A003"] == "warning"
    assert "A008" not in codes(result)
    assert result.counts["split_units"] == 11
    assert result.links == ()
    assert result.digest == open_data(make_options({"data": str(cells)})).digest


def test_a_near_duplicate_under_another_patient_is_an_error_until_the_patients_are_linked(
    cells: Path, tmp_path: Path
) -> None:
    bright = np.clip(image_of(cells, 0)[:, ::-1] * 1.1, 0, 255).astype(np.uint8)
    other = other_patient(cells, 0)
    add(cells, "copy.png", bright, like=0, patient=other)
    result = audit(cells)
    pair = tuple(sorted((manifest(cells)["patient"][0], other)))
    assert codes(result)["A008"] == "error"
    assert result.links == (pair,)
    assert not result.passed
    (within,) = [check for check in result.checks if check.code == "A007"]
    assert within.outcome == "nothing found"
    assert within.detail.endswith("of 256 bits compared in full"), "what is confirmed of others is not found here"

    links = tmp_path / "links.csv"
    ended = CliRunner().invoke(app, ["audit", str(cells), "--write-links", str(links)])
    assert ended.exit_code == 1
    assert links.read_text() == f"# bench audit\npatient_a,patient_b\n{pair[0]},{pair[1]}\n"

    plain = open_data(make_options({"data": str(cells)}))
    linked = open_data(make_options({"data": str(cells), "links": links}))
    assert plain.dataset.table["unit"].nunique() == 12
    assert set(linked.dataset.table["unit"][linked.dataset.table["patient"].isin(pair)]) == {"+".join(pair)}
    assert linked.digest != plain.digest


def test_a_near_duplicate_within_a_patient_is_a_warning(cells: Path) -> None:
    add(cells, "copy.png", np.clip(image_of(cells, 0) * 0.9, 0, 255).astype(np.uint8), like=0)
    result = audit(cells)
    assert codes(result) == {"A007": "warning"}
    assert result.passed


def test_contradictions_and_unreadable_cells_are_findings_and_do_not_stop_the_audit(cells: Path) -> None:
    other = "normal" if manifest(cells)["label"][0] == "diseased" else "diseased"
    add(cells, "copy.png", image_of(cells, 0), like=0, label=other, patient=other_patient(cells, 0, same_label=False))
    add(cells, "black.png", np.zeros((9, 9, 3), np.uint8), like=0)
    result = audit(cells)
    assert {"A001", "A003", "A006"} <= set(codes(result))
    assert codes(result)["A001"] == codes(result)["A006"] == "error"
    assert result.counts["unreadable"] == 1
    assert codes(audit(cells, skip_unreadable=True))["A001"] == "warning"


def test_held_out_cells_that_share_an_image_or_a_near_duplicate_are_an_error(cells: Path, tmp_path: Path) -> None:
    held = tmp_path / "held"
    write_phantom(PhantomSpec(patients=2, cells=3, spread=0, size=120, seed=9), held)
    table = manifest(held)
    save(held, table.assign(patient="T" + table["patient"]))
    sound = audit(cells, held_out=str(held))
    assert sound.passed
    label = manifest(cells)["label"][0]
    like = int(np.flatnonzero(manifest(held)["label"] == label)[0])
    add(held, "same.png", image_of(cells, 0), like=like)
    assert codes(audit(cells, held_out=str(held)))["A005"] == "error"
    add(held, "near.png", np.clip(image_of(cells, 1) * 1.1, 0, 255).astype(np.uint8), like=like)
    finding = next(f for f in audit(cells, held_out=str(held)).findings if f.code == "A008")
    assert finding.level == "error"
    assert "1 pair is in both the training and the held-out cells" in finding.detail


def test_reason_for_unreadable_cells_is_reported(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        assert cv2.imwrite(str(tmp_path / name), np.full((9, 9, 3), 200, np.uint8))
    (tmp_path / "manifest.csv").write_text("path,label,patient\n1.png,a,p\n2.png,b,q\n")
    with pytest.raises(
        BenchError, match=r"without 2 unreadable cells \(1\.png: .*--mask.* and 1 more\), holds no cell"
    ):
        audit(tmp_path)


def test_sizes_that_predict_the_class_are_an_error(cells: Path) -> None:
    table = manifest(cells)
    for path in table["path"][table["label"] == "diseased"]:
        image = cv2.imread(str(cells / path))
        assert cv2.imwrite(str(cells / path), cv2.copyMakeBorder(image, 5, 5, 5, 5, cv2.BORDER_CONSTANT))
    assert codes(audit(cells))["A014"] == "error"


def test_fewer_patients_than_folds(cells: Path) -> None:
    assert "A011" not in codes(audit(cells, folds=6))
    result = audit(cells, folds=7)
    assert codes(result)["A011"] == "error"
    assert "at most --folds 6" in result.findings[0].detail


def test_record_is_json_and_stored_by_digest(cells: Path, tmp_path: Path) -> None:
    add(cells, "copy.png", image_of(cells, 0), like=0)
    result = audit(cells)
    path = write_audit(result, tmp_path / "results")
    assert path == tmp_path / "results/audit" / f"{result.digest[:12]}.json"
    record = json.loads(path.read_text())
    assert record == json.loads(json.dumps(result.record()))
    assert record["findings"][0]["code"] == "A002"
    assert record["findings"][0]["cells"] == [manifest(cells)["path"][0], "copy.png"]
    assert record["counts"]["identical_pairs"] == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError):
        write_audit(result, tmp_path / "file")


def test_the_command_prints_json_and_ends_with_1_on_an_error(cells: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    good = CliRunner().invoke(app, ["audit", str(cells), "--json", "-o", str(out)])
    assert good.exit_code == 0
    record = json.loads(good.stdout)
    assert record["passed"] is True
    assert (out / "audit" / f"{record['digest'][:12]}.json").is_file()
    bad = CliRunner().invoke(app, ["audit", str(cells), "--folds", "9"], env={"COLUMNS": "80"})
    assert bad.exit_code == 1
    assert "error A011" in bad.stdout
    assert max(map(len, bad.stdout.splitlines())) <= 80
    missing = CliRunner().invoke(app, ["audit", str(tmp_path / "nowhere")])
    assert isinstance(missing.exception, BenchError)


def test_each_code_has_a_page_with_all_sections() -> None:
    assert {page.stem for page in DOCS.glob("A*.md")} == set(TITLES)
    for code, title in TITLES.items():
        lines = (DOCS / f"{code}.md").read_text(encoding="utf-8").splitlines()
        assert lines[0] == f"# {code}: {title}"
        assert [line for line in lines if line.startswith("## ")] == [
            "## What it means", "## Why it matters", "## What to do", "## How it is computed"
        ]  # fmt: skip


def test_a_list_of_digests_needs_no_images(tmp_path: Path) -> None:
    rows = ["path,label,patient,fold,cell,sha256"]
    for i, label in enumerate("aaaabbbb"):
        rows.append(f"{i}.bmp,{label},{i},{i % 2},1,{'e' * 63}{i}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    result = audit(tmp_path / "list.csv", folds=2)
    assert result.findings == ()
    skipped = [check for check in result.checks if check.detail.startswith("no pixels were read")]
    assert [c.code for c in skipped] == ["A001", "A007", "A008", "A014", "A015", "A016", "A017"]
    (tmp_path / "0.bmp").write_bytes(b"")
    with pytest.raises(BenchError, match="does not exist"):
        audit(tmp_path / "list.csv", folds=2)


def test_the_published_list_of_cnmc(shared: Path) -> None:
    """104 pairs of files with one SHA-256, as `duplicate_pairs.csv` lists them; 73 ids become 66 split units."""
    listed = pd.read_csv(shared / "data/cnmc-manifest/duplicate_pairs.csv", dtype=str)
    result = audit(shared / "data/cnmc-manifest/train_index.csv")
    titles = {finding.code: finding.title for finding in result.findings}
    assert result.counts["identical_pairs"] == len(listed) == 104
    assert titles["A003"] == "99 pairs of identical images under different patients"
    assert titles["A002"] == "5 pairs of identical images of one patient"
    assert titles["A004"] == "94 pairs of identical images in different official folds"
    assert (listed["patient_a"] != listed["patient_b"]).sum() == 99
    assert (listed["fold_a"] != listed["fold_b"]).sum() == 94
    assert (result.counts["cells"], result.counts["patients"], result.counts["split_units"]) == (10661, 73, 66)
    named = {cell.rpartition("/")[2] for f in result.findings if f.code in ("A002", "A003") for cell in f.cells}
    assert named == set(listed["file_a"]) | set(listed["file_b"])


def test_a_list_of_10661_cells_takes_under_two_seconds_of_one_core(shared: Path) -> None:
    start = time.process_time()
    audit(shared / "data/cnmc-manifest/train_index.csv")
    assert time.process_time() - start < 2


def test_the_real_cells_hold_four_near_duplicates_of_linked_patients(shared: Path) -> None:
    """Verified by eye: the same cells, cropped again, under ids that share byte-identical images elsewhere in C-NMC."""
    result = audit(shared / "data/cnmc-sample")
    finding = next(f for f in result.findings if f.code == "A008")
    assert set(finding.cells) == {
        "UID_H6_1_1_hem", "UID_H2_1_1_hem", "UID_H6_1_2_hem", "UID_H2_1_2_hem",
        "UID_H10_1_1_hem", "UID_h3_1_1_hem", "UID_H10_2_1_hem", "UID_h3_2_1_hem",
    }  # fmt: skip
    assert "4 pairs are in different official folds" in finding.detail
    assert result.links == ()
