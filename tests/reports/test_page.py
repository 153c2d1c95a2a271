from __future__ import annotations

import base64
import gzip
import hashlib
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from html_page import Page

from bench.errors import BenchError
from bench.experiments.results import Results
from bench.scores.metrics import METRICS
from reports.page import write_report


def _page(results: Results) -> Page:
    return Page(write_report(results, results.path / "report.html").read_text(encoding="utf-8"))


def _boards(html: str, kind: str = "board") -> list[list[list[str]]]:
    """Text of the body cells of all leaderboards; `level`: of the tables of all metrics."""
    boards = re.findall(rf'<table class="{kind}.*?</table>', html, flags=re.DOTALL)
    return [
        [
            [
                " ".join(re.sub(r"<[^>]*>", " ", cell.replace("<wbr>", "")).split())
                for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)
            ]
            for row in re.findall(r"<tr>.*?</tr>", board.partition("<tbody>")[2], re.DOTALL)
        ]
        for board in boards
    ]


def _share(line: Any) -> str:
    """Count of patients, if a line is a share of patients."""
    return f"{round(line['value'] * line['n'])}/{line['n']}" if line["n"] else ""


def test_leaderboard_has_all_experiments_with_intervals(results: Results, add: Any) -> None:
    add(classifier="knn", skill=0.3)
    add(classifier="svm[C=10]", skill=1.6)
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    ((first, second),) = _boards(html)
    assert (first[1], second[1]) == ("svm[C=10]", "knn")
    best = next(e for e in results.experiments() if e.record["classifier"] == "svm[C=10]").scores
    lines = best.set_index("metric")
    expected = {name: f"{s.value:.2f} [{s.low:.2f}, {s.high:.2f}]" for name, s in lines.iterrows()}
    shown = [expected[name] for name, metric in METRICS.items() if metric.headline]
    assert first == ["handcrafted", "svm[C=10]", *shown, "3.8"]
    for board, level in zip(_boards(html, "level"), ("patient", "cell", "per_patient"), strict=True):
        names = [name for name, metric in METRICS.items() if metric.level == level]
        values = {
            name: " ".join(filter(None, [f"{lines['value'][name]:.2f}", _share(lines.loc[name])])) for name in names
        }
        assert board[0] == [
            "handcrafted × svm[C=10]",
            *(f"{values[name]} [{lines['low'][name]:.2f}, {lines['high'][name]:.2f}]" for name in names),
        ]


def test_page_is_well_formed_and_complete(results: Results, add: Any) -> None:
    add(data={"notices": ["2 patients share an image"], "patients": 25})
    page = _page(results)
    assert page.open == []
    text = page.text()
    for sentence in (
        "120 cells of 25 patients (24 split units)",
        "2 patients share an image",
        "95 % intervals, conditional on the fitted models: patient bootstrap",
        METRICS["auroc_patient"].meaning,
        "scikit-learn",
        "Python 3.11.7 on x86_64",
        results.experiments()[0].record["folds_hash"],
    ):
        assert sentence in text
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_page_loads_nothing_from_the_network(results: Results, add: Any) -> None:
    add()
    path = write_report(results, results.path / "report.html")
    page, html = Page(path.read_text(encoding="utf-8")), path.read_text(encoding="utf-8")
    loading = {"src", "href", "xlink:href", "srcset", "data", "action", "poster", "background", "formaction"}
    targets = [value for _, attrs in page.elements for name, value in attrs.items() if name in loading]
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert not {tag for tag, _ in page.elements} & {"link", "iframe", "img", "object", "embed", "base"}
    readable = html.replace(page.scripts()[0], "")
    assert not re.search(r"@import|https?:|\burl\(\s*['\"]?(?!#)", readable)
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_policy_allows_one_script_and_the_library_is_from_itables(results: Results, add: Any) -> None:
    add()
    page = _page(results)
    library, script = page.scripts()
    name = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert f"'sha256-{name}'" in policy
    bundle = gzip.decompress(base64.b64decode(library))
    assert bundle == files("itables").joinpath("html/dt_bundle.js").read_bytes()
    assert re.search(rb"export *\{[^}]*\w+ as default", bundle)


MARKUP = "</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>\"'$x_{$ {{ 7*7 }}"
HOSTILE = MARKUP + " \ud800\x00"


def test_hostile_names_are_escaped(results: Results, add: Any, renamed: Any) -> None:
    plain_page = write_report(_with_names(results, add, renamed, "plain"), results.path / "plain.html")
    plain = Page(plain_page.read_text("utf-8"))
    shutil.rmtree(results.path / "experiments")
    shutil.rmtree(results.path / "failures")
    path = write_report(_with_names(results, add, renamed, HOSTILE), results.path / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []
    # names change no element and no attribute
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert [set(attrs) for _, attrs in page.elements] == [set(attrs) for _, attrs in plain.elements]
    assert page.scripts() == plain.scripts()
    text = page.text()
    assert text.count("alert(1)") > 100
    assert "7*7" in text
    assert "49 }}" not in text


def _with_names(results: Results, add: Any, renamed: Any, name: str) -> Results:
    label = name.rstrip("\ud800\x00")
    record = add(
        classes=(f"a{label}", f"b{label}"),
        prefix=label,
        skill=2.0,
        extractor=name,
        classifier=name,
        violations=[name],
        flags=["LEAKY"],
        data={"name": name, "reader": name, "notices": [name]},
        protocol={"split": "image"},
        environment={"python": name, "machine": name},
        components={"classifier": name, "classifier_libraries": {name: name}, "features": {"extractor": name}},
    )
    results.write_failure("failed", renamed(record, extractor=f"{name} "), name)
    return results


def test_leaky_results_are_marked_and_never_ranked_first(results: Results, add: Any) -> None:
    add(classifier="honest", skill=0.5)
    add(classifier="leaks", skill=4.0, flags=["LEAKY"], violations=["24 of 24 patients lie in several folds"],
        protocol={"split": "image"})  # fmt: skip
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    headline = re.search(r'<p class="headline">.*?</p>', html, re.DOTALL)
    assert headline is not None
    assert "honest" in headline[0]
    assert "leaks" not in headline[0]
    honest, leaky = _boards(html)
    assert [row[1] for row in honest] == ["honest"]
    assert [row[1] for row in leaky] == ["leaks LEAKY"]
    assert "24 of 24 patients lie in several folds" in html


def test_leaky_results_alone_have_no_best(results: Results, add: Any) -> None:
    add(flags=["LEAKY"], protocol={"split": "image"})
    assert "No experiment was evaluated on unseen patients" in _page(results).text()


def test_rows_without_patient_ids_are_marked_and_do_not_name_patients(results: Results, add: Any) -> None:
    add(flags=["NO PATIENTS"], data={"grouping": "unit"})
    page = _page(results)
    assert [text for tag, text in page.texts if tag == "b"].count("NO PATIENTS") == 2
    text = page.text()
    assert "On cells without patient ids, which may be of patients in the training set" in text
    assert "On unseen patients" not in text
    assert "24 split units, no patient ids" in text
    assert "the score is not one of unseen patients" in text


def test_random_weights_are_marked_and_explained(results: Results, add: Any) -> None:
    add(flags=["RANDOM WEIGHTS"])
    page = _page(results)
    badges = [t for tag, t in page.texts if tag == "b"]
    assert badges.count("RANDOM WEIGHTS") == 2
    assert "not trained" in page.text()


def test_three_classes_have_no_sensitivity_and_one_curve_each(results: Results, add: Any) -> None:
    add(classes=("blast", "lymphocyte", "monocyte"), repeats=2)
    text = _page(results).text()
    assert "Sensitivity" not in text
    for label in ("blast", "lymphocyte", "monocyte"):
        assert f"{label} vs rest" in text
    assert "means over 2 repeats" in text


def test_baselines_are_marked_and_explained(results: Results, add: Any) -> None:
    add(classifier="svm", skill=2.0)
    add(extractor="size", classifier="lightgbm", skill=0.7, flags=["BASELINE"])
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    assert '<b class="badge baseline">BASELINE</b>' in html
    assert "Reference row" in html
    assert "Hollow grey: baselines." in html
    assert "Hollow red" not in html


def test_failed_experiments_are_listed_with_their_reason(results: Results, add: Any, renamed: Any) -> None:
    record = add(classifier="svm")
    results.write_failure("other", renamed(record, classifier="lost"), "timed out after 3 s (--fit-time)")
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    assert [[row[1] for row in board] for board in _boards(html)] == [["svm"]]
    failed = html[html.index('id="failed"') :]
    assert "lost" in failed
    assert "timed out after 3 s (--fit-time)" in failed


def test_preparation_has_a_column_if_some_cells_are_prepared(results: Results, add: Any) -> None:
    record = add(skill=0.5)
    assert "Prepared" not in _page(results).text()
    add(skill=2.0, prepare="crop+mask[to=mean]")
    results.write_failure("other", {**record, "prepare": "macenko"}, "no stain")
    html = write_report(results, results.path / "report.html").read_text(encoding="utf-8")
    (board,) = _boards(html)
    assert [row[:3] for row in board] == [["crop+mask[to=mean]", "handcrafted", "svm"], ["–", "handcrafted", "svm"]]
    assert "<td><code>macenko</code></td>" in html[html.index('id="failed"') :]
    text = _page(results).text()
    assert "crop+mask[to=mean] > handcrafted × svm ranks first of 2 pipelines" in " ".join(text.split())
    assert text.count("–: none. Baselines use unprepared cells.") == 1


def test_report_of_failures_alone(results: Results, add: Any) -> None:
    record = add()
    results.write_failure("other", record, "no weights")
    shutil.rmtree(results.path / "experiments")
    text = _page(results).text()
    assert "No experiment has a result." in text
    assert "no weights" in text


def test_empty_folder_is_an_error(results: Results) -> None:
    with pytest.raises(BenchError, match="contains no experiments; run bench run --out"):
        write_report(results, results.path / "report.html")
    assert not (results.path / "report.html").exists()


def test_errors_keep_the_previous_report(results: Results, add: Any) -> None:
    record = add()
    path = write_report(results, results.path / "report.html")
    before = path.read_bytes()
    (results.experiment_folder(f"e{record['key'][:12]}") / "predictions.parquet").unlink()
    with pytest.raises(BenchError, match=r"predictions\.parquet: cannot be read"):
        write_report(results, path)
    assert path.read_bytes() == before
    assert not list(results.path.glob(".unfinished-*"))


def test_unwritable_output_is_an_error_with_the_option(results: Results, add: Any) -> None:
    add()
    (results.path / "file").touch()
    with pytest.raises(BenchError, match="--output"):
        write_report(results, results.path / "file" / "report.html")
    with pytest.raises(BenchError, match="--output"):
        write_report(results, results.path)


def test_output_is_deterministic(results: Results, add: Any) -> None:
    add(classifier="svm")
    add(classifier="knn", skill=0.3)
    first = write_report(results, results.path / "first.html").read_bytes()
    assert write_report(results, results.path / "second.html").read_bytes() == first


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to open the page with")
def test_leaderboard_is_sortable_in_a_browser(results: Results, add: Any, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    add()
    path = write_report(results, results.path / "report.html")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=8000", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    page = Page(done.stdout)
    board = next(attrs for tag, attrs in page.elements if tag == "table" and "board" in attrs["class"])
    assert "dataTable" in board["class"]
    assert any("dt-orderable-desc" in attrs.get("class", "") for _, attrs in page.elements)
