"""Texts of strangers in everything that the command line prints: shown as they are, without any effect."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hostile_text
import numpy as np
import pandas as pd
import pytest

from bench.cli.display import (
    audit,
    comparison,
    contract,
    features,
    folds,
    leakage,
    quality,
    scores,
    significance,
    store,
    tables,
    terminal,
)
from bench.cli.display.terminal import PrintableConsole
from bench.contract.outcomes import Check, Step
from bench.datasets.table import Dataset
from bench.errors import printable
from bench.evidence.audit.findings import Audit, Finding
from bench.evidence.audit.findings import Check as AuditCheck
from bench.evidence.comparison.compare import compare
from bench.evidence.leakage.clustering import FeatureClustering
from bench.evidence.leakage.patient_recognition import Recognition
from bench.evidence.leakage.report import Leakage
from bench.evidence.leakage.verdict import Verdict
from bench.evidence.permutation.significance import Significance
from bench.experiments.leaderboard import SETTINGS
from bench.features.store.inventory import Inventory, Item, Kind
from bench.plugins.feature_catalogue import FIELDS, Catalogue
from bench.scores.metrics import METRICS
from bench.scores.primary import Estimate
from bench.splits.outer_folds import draw_folds

TEXT = hostile_text.ALL
SHOWN = printable(TEXT)
MODULES = (
    audit,
    comparison,
    contract,
    features,
    folds,
    leakage,
    quality,
    scores,
    significance,
    store,
    tables,
    terminal,
)

Printed = Callable[..., str]


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Return what a function prints; assert that it has no character with an effect."""

    def run(show: Callable[..., Any], *arguments: Any, **keywords: Any) -> str:
        console = PrintableConsole(width=100_000)
        for module in MODULES:
            if hasattr(module, "console"):
                monkeypatch.setattr(module, "console", console)
        with console.capture() as capture:
            show(*arguments, **keywords)
        text = capture.get()
        assert hostile_text.unsafe(text) == []
        return text

    return run


def _board(**changes: object) -> pd.DataFrame:
    settings = dict(zip(SETTINGS, (TEXT, TEXT, TEXT, TEXT, 0, TEXT, TEXT, TEXT, TEXT, 0.0, TEXT), strict=True))
    row = {**settings, "prepare": "none", "extractor": TEXT, "classifier": TEXT, "repeats": 1, "status": "done"}
    values = {f"{name}{end}": 0.5 for name in METRICS for end in ("", "_low", "_high")}
    texts = {"flags": TEXT, "licences": TEXT, "reason": "", "auroc_patient_method": TEXT}
    return pd.DataFrame([{**values, **row, **texts, **changes}])


def _dataset() -> Dataset:
    patient = np.repeat([f"{label}{n}{TEXT}" for label in "ab" for n in range(3)], 2)
    columns = {"cell": [f"c{i}{TEXT}" for i in range(len(patient))], "patient": patient, "unit": patient}
    table = pd.DataFrame({**columns, "label": [f"{p[0]}{TEXT}" for p in patient]}).astype("object")
    return Dataset(TEXT, TEXT, table, f"a{TEXT}")


@pytest.mark.parametrize(
    "text", [*hostile_text.TERMINAL, *hostile_text.INVISIBLE, *hostile_text.MARKUP, hostile_text.NOT_UTF8]
)
def test_a_console_with_colours_has_only_its_own_styles(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    console = PrintableConsole(width=1000)
    with console.capture() as capture:
        console.print(f"[red]{terminal.escape(text)}[/red]")
    assert capture.get() == f"\x1b[31m{printable(text)}\x1b[0m\n"


def test_texts_that_are_no_strings_are_escaped(printed: Printed) -> None:
    assert printed(lambda: tables.console.print(terminal.Text("a\x1b[31m\u202e"))) == "a\\x1b[31m\\u202e\n"


def test_notices_and_outcomes(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.live_progress() as observer:
        observer.progress(TEXT, 0, 2)
        observer.notice(f"{TEXT}\n• svm: AUROC 0.99")
        observer.finished(TEXT, f"failed: {TEXT}\nreport: x")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"note {SHOWN}",
        "  • svm: AUROC 0.99",
        f"• {SHOWN}: failed: {SHOWN}",
        "  report: x",
    ]


def test_plain_lines(printed: Printed) -> None:
    assert printed(terminal.show_text, TEXT) == f"{SHOWN}\n"
    assert printed(terminal.show_line, "folds", Path(TEXT.replace("/", "")))
    assert printed(terminal.show_line, "report", TEXT) == f"report: {SHOWN}\n"


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_message(f"Error: {TEXT}", style="red")
    assert capsys.readouterr().err == f"Error: {SHOWN}\n"


def test_leaderboard(printed: Printed) -> None:
    text = printed(scores.show_scores, pd.concat([_board(), _board(status="failed", reason=TEXT)]))
    assert text.count(SHOWN) >= 12


def test_plan(printed: Printed) -> None:
    row = {name: TEXT for name in ("prepare", "extractor", "classifier", "features", "why")} | {"state": "to run"}
    assert printed(tables.show_states, pd.DataFrame([row])).count(SHOWN) >= 8


def test_experiment(printed: Printed, keep: Callable[..., Any]) -> None:
    result = keep("x", _predictions(), flags=[TEXT], violations=[TEXT], data={"positive": "diseased"})
    record = {**result.record, "classifier": TEXT, "extractor": TEXT}
    record["protocol"] = {**record["protocol"], "seed": TEXT}
    record["data"] = {**record["data"], "cells": TEXT, "positive": TEXT}
    object.__setattr__(result, "record", record)
    assert printed(tables.show_experiment, result).count(SHOWN) >= 6


def test_comparison(printed: Printed, keep: Callable[..., Any]) -> None:
    results = [keep("one", _predictions(0), flags=[TEXT]), keep("two", _predictions(1), flags=[TEXT])]
    found = compare(results, names=[f"one {TEXT}", f"two {TEXT}"])
    found = replace(found, notes=(TEXT,), data={**found.data, "name": TEXT, "positive": TEXT, "cells": TEXT})
    assert printed(comparison.show_comparison, found).count(SHOWN) >= 10


def test_contract_tests(printed: Printed) -> None:
    subject = SimpleNamespace(plugin=SimpleNamespace(selector=TEXT), kind="extractor", notes=[TEXT])
    assert printed(contract.show_subject, subject).count(SHOWN) == 2
    for outcome in ("passed", "failed", "skipped"):
        assert printed(contract.show_check, Check(TEXT, outcome, TEXT)).count(SHOWN) == 2
    assert printed(contract.run_shown, [Step(TEXT, lambda: TEXT)]).count(SHOWN) == 2
    assert printed(contract.show_outcome, [], cost=TEXT).count(SHOWN) == 1


@pytest.mark.parametrize("described", [True, False])
def test_catalogue(printed: Printed, described: bool) -> None:
    row = {**dict.fromkeys(FIELDS, TEXT), "name": f"family.{TEXT.replace('.', '')}", "turns": math.inf}
    text = printed(features.show_catalogue, Catalogue(TEXT, (row,), described))
    assert text.count(SHOWN) >= (4 if described else 1)


def test_extraction(printed: Printed) -> None:
    cells = pd.DataFrame({"patient": ["a"]})
    table = SimpleNamespace(cells=cells, names=("x",), prepare="none", extractor=TEXT, missing={TEXT: 1}, extracted=0)
    assert printed(features.show_extraction, table).count(SHOWN) == 2


def test_quality(printed: Printed) -> None:
    summary = pd.DataFrame([{"finding": "touches the frame", "cells": 1, "share": 1.0, "examples": [TEXT]}])
    assert printed(quality.show_quality, TEXT, 1, summary).count(SHOWN) == 2


def test_folds(printed: Printed) -> None:
    dataset = _dataset()
    drawn = replace(draw_folds(dataset.table, split="patient", folds=3), violations=(TEXT,))
    assert printed(folds.show_folds, drawn, dataset).count(SHOWN) >= 6


def test_audit(printed: Printed) -> None:
    counts = {"cells": 1, "patients": 1, "split_units": 1}
    finding = Finding("A010", "warning", TEXT, TEXT, (TEXT,), (TEXT,))
    checks = [AuditCheck("A001", "nothing found", TEXT), AuditCheck("A002", "not checked", TEXT)]
    found = Audit(
        **{
            **dict.fromkeys(Audit.__dataclass_fields__),
            **{"name": TEXT, "positive": TEXT, "counts": counts, "findings": (finding,), "checks": tuple(checks)},
        }
    )
    assert printed(audit.show_audit, found).count(SHOWN) == 6


def test_leakage(printed: Printed) -> None:
    one = Estimate(0.5, 0.4, 0.6)
    report = Leakage(
        experiment="x", name=TEXT, positive=TEXT, metric="auroc_patient", by_patient=one, by_image=one, gap=one,
        identity=None, null=(), recognition=(Recognition(TEXT, 3, 9, 0.5, 0.3, 0.2),),
        features=FeatureClustering(1, 0.5, ((TEXT, 0.5),), 0.2, 0.3, 0.5, None), scores=None, errors=None,
        missing=(TEXT,), verdict=Verdict("nothing", TEXT), differs=(), file=Path("x"),
    )  # fmt: skip
    assert printed(leakage.show_leakage, report).count(SHOWN) == 6


def test_significance(printed: Printed) -> None:
    test = Significance(
        experiment="x", name=TEXT, positive=TEXT, metric="auroc_patient", observed=0.8, null=(0.5, 0.6), p=0.3,
        floor=0.3, exact=False, possible=99, labels_of="patients", moved=4, fixed=0, units={TEXT: 2, "b": 2}, folds=2,
        repeats=1, tune=0, differs=(), file=Path("x"),
    )  # fmt: skip
    assert printed(significance.show_significance, test).count(SHOWN) == 3


def test_store(printed: Printed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = {
        "selector": TEXT, "components": {"prepare": TEXT, TEXT: TEXT}, "names": [TEXT], "cells": TEXT,
        "written": TEXT, "cells_per_s": 1.0, "jobs": 1, "threads": 1, "seconds": 1.0, "notices": [TEXT],
        "fitted_on": {"cells": TEXT, "patients": [TEXT]}, "wall_s": 1.0, "reused": 0, "extracted": 1, "key": TEXT,
        "environment": {TEXT: TEXT},
    }  # fmt: skip
    item = Item(tmp_path / "size-0000000000000000" / "0000000000000000", Kind.entry)
    item.__dict__["_record"] = (record, "")
    item.__dict__["stale"] = ()
    item.path.mkdir(parents=True)
    inventory = Inventory(tmp_path, (item, Item(Path(TEXT.replace("/", "").replace("\0", "")), Kind.unknown)))
    monkeypatch.setattr(store, "PrintableConsole", lambda width: store.console)
    assert "\\x1b[31mred" in printed(store.show_inventory, inventory)
    assert printed(store.show_entry, item, TEXT).count("\\x1b[31mred") >= 8
    assert printed(store.show_damage, inventory, {item: TEXT}).count(SHOWN) >= 2


def test_list_of_plugins(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from bench.cli import app  # noqa: PLC0415 (the test of one command)
    from bench.plugins import listing  # noqa: PLC0415

    monkeypatch.setattr(listing, "plugins_of", lambda kind: [(TEXT, TEXT, TEXT)])
    monkeypatch.setattr(listing, "dataset_facts", lambda: {"set": (TEXT, TEXT, TEXT)})
    app.list_("datasets")
    *table, _, heading, reader = capsys.readouterr().out.splitlines()
    assert (table[-1].count(SHOWN), heading, reader) == (3, "Other readers", f"{SHOWN}  {SHOWN}  ({SHOWN})")


def _predictions(seed: int = 0) -> pd.DataFrame:
    unit = np.repeat([f"P{n}" for n in range(8)], 3)
    rng = np.random.default_rng(seed)
    p = rng.uniform(size=len(unit))
    columns = {
        "cell": [f"c{i}" for i in range(len(unit))],
        "unit": unit,
        "repeat": 0,
        "fold": np.arange(len(unit)) // 12,
    }
    label = np.where(np.arange(len(unit)) // 3 % 2, "diseased", "normal")
    return pd.DataFrame({**columns, "label": label, "p_diseased": p, "p_normal": 1 - p})
