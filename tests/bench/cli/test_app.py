"""Help pages, imports of the help, and messages of user errors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.options import OPTIONS
from extractors.networks.weights.registry import model_names

COMMANDS = [
    ["run"], ["matrix"], ["plan"], ["report"], ["list"], ["data", "describe"], ["data", "phantom"], ["data", "quality"],
    ["data", "show"],
    ["folds"],
    ["check"], ["compare"], ["score"], ["audit"], ["leakage"], ["significance"], ["networks"],
    ["features", "catalogue"], ["features", "extract"], ["features", "list"], ["features", "show"],
    ["features", "why"], ["features", "gc"], ["features", "path"],
]  # fmt: skip

HEAVY = (
    "torch", "torchvision", "timm", "pytorch_lightning", "sklearn", "scipy", "pandas", "numpy", "pyarrow", "cv2",
    "xgboost", "lightgbm", "optuna", "matplotlib", "seaborn", "yaml", "bench.plugins.preparation",
    "bench.api",
)  # fmt: skip

CALL = """
import sys
from bench.cli.app import main
sys.argv = ["bench", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("LOADED", *sorted(name for name in sys.modules if "." not in name or name.startswith("bench.")))
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list", "extractors"],
        ["list", "classifiers"],
        ["matrix", "--help"],
        ["features", "extract", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    ended = subprocess.run([sys.executable, "-c", CALL, *arguments], capture_output=True, text=True, check=True)
    printed, _, loaded = ended.stdout.rpartition("LOADED ")
    assert len(printed) > 100
    assert {"typer", "bench.cli.app"} <= set(loaded.split())
    # Typer imports pydantic for the help of a command, but not for that of the program.
    heavy = {*HEAVY, "pydantic"} if arguments == ["--help"] else set(HEAVY)
    assert sorted(heavy & set(loaded.split())) == []


def test_plan_of_networks_that_are_trained_does_not_import_torch(tmp_path: Path) -> None:
    model_names()  # builds the list of models, once after an installation, with torch
    classifiers = "cnn,cnn[arch=resnet18,augment=flips+turns,schedule=one_cycle,weights=random],bagging[of=svm,n=3]"
    command = [sys.executable, "-c", CALL, "plan", "--data", "phantom[patients=20]", "--clfs", classifiers]
    command += ["--extractors", "pixels,finetune[backbone=resnet18,weights=random]", "--out", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    printed, _, loaded = ended.stdout.rpartition("LOADED ")
    assert "pixels x cnn[arch=resnet18" in printed
    assert {"classifiers", "sklearn"} <= set(loaded.split())
    assert {"torch", "torchvision", "timm", "pytorch_lightning"} & set(loaded.split()) == set()


def test_audit_of_a_list_of_digests_does_not_import_scikit_learn(tmp_path: Path) -> None:
    """An audit of 10,661 rows takes under 2 s; scikit-learn and SciPy would add one."""
    rows = [f"{i}.bmp,{'ab'[i % 2]},p{i},{i:064x}\n" for i in range(12)]
    (tmp_path / "list.csv").write_text("".join(["path,label,patient,sha256\n", *rows]))
    command = [sys.executable, "-c", CALL, "audit", str(tmp_path / "list.csv")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    printed, _, loaded = ended.stdout.rpartition("LOADED ")
    assert printed.startswith("list: 12 cells of 12 patients")
    assert {"sklearn", "scipy", "torch", "bench.scores.metrics"} & set(loaded.split()) == set()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_each_command_has_an_example(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    assert re.search(rf"Examples?:\s+bench {' '.join(command)}\b", shown.output)


def test_command_line_has_every_declared_option() -> None:
    from typer.main import get_command  # noqa: PLC0415

    matrix = get_command(app).commands["matrix"]  # type: ignore[attr-defined]
    names = {parameter.name for parameter in matrix.params}
    assert names - {"config"} == set(OPTIONS)
    run = get_command(app).commands["run"]  # type: ignore[attr-defined]
    assert {p.name for p in run.params} == {*OPTIONS, "extractor", "classifier"} - {
        "extractors", "classifiers", "retry_failed", "baselines"
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["extractors", "classifiers", "datasets"])
def test_list_describes_every_plugin(kind: str) -> None:
    from bench.plugins.importing import installed  # noqa: PLC0415

    shown = CliRunner().invoke(app, ["list", kind])
    assert shown.exit_code == 0
    lines = {line.split()[0]: line.split(maxsplit=1)[1:] for line in shown.output.splitlines() if line.strip()}
    for name in installed(kind):  # type: ignore[arg-type]
        assert name in lines
        assert lines[name], f"{name} has no description"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--classifier", "smv"], "Did you mean svm?"),
        (["run", "--folds", "1"], "folds: Input should be greater than or equal to 2"),
        (["run", "--split", "cell"], "'cell' is not one of"),
        (["run", "--extractor", "size", "--clf", "cnn"], "leave out --extractor size"),
        (["run", "--extractor", "pixels", "-c", "svm"], "svm needs features"),
        (["run", "--classifier", "svm", "--clf", "knn"], "--classifier was set 2 times (svm, knn)"),
        (["matrix", "--classifiers", "svm", "--clfs", "knn"], "--classifiers was set 2 times (svm, knn)"),
        (["matrix", "--extractors", "pixels", "--clfs", "svm"], "nothing to run"),
        (["report", "nowhere"], "not a results folder"),
        (["score", "nowhere"], "not a results folder"),
        (["score", "nowhere", "--threshold", "youden"], "'youden': expected balanced, a number"),
        (["run", "--threshold", "sens@95"], "threshold: 'sens@95': the number must be above 0"),
        (["run", "--prepare", "cropp"], "prepare: no step is called 'cropp'. Did you mean crop?"),
        (["features", "extract", "phantom", "-o", "t.csv", "--prepare", "crop[margn=1]"], "Did you mean margin?"),
        (["matrix", "--device", "gpu"], "'gpu' is not one of"),
        (["list", "plugins"], "'plugins' is not one of"),
        (["data", "describe", "nowhere"], "nowhere"),
        (["data", "phantom", "cells", "--patients", "0"], "patients"),
        (["data", "phantom", "cells", "--mixture", "sizes"], "mixture is 'sizes'. Did you mean size?"),
        (["data", "phantom", "cells", "--clefts", "-1"], "clefts is -1.0; it must be a number from 0 to 10"),
    ],
)
def test_user_error_exits_with_2_and_a_message(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from bench.cli.app import main  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [], "nothing was written"


def test_error_of_an_unwritable_folder_names_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.cli.app import main  # noqa: PLC0415

    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    for option in ("--store", "--out"):
        arguments = ["run", "-x", "size", "-c", "knn", "--data", "phantom[patients=3,cells=2,size=64]", "--folds", "3"]
        monkeypatch.setattr(sys, "argv", ["bench", *arguments, option, "file/x"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert f"another place with {option}" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_control_characters_in_an_error_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label,\x1b[31mpatients\n1,2,3\n")
    command = [sys.executable, "-m", "bench", "audit", str(tmp_path / "list.csv")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "Its columns are: path, label, \\x1b[31mpatients." in ended.stderr
    assert "\x1b" not in ended.stderr


def test_synthetic_cells_take_every_factor_and_the_mixture(tmp_path: Path) -> None:
    from bench.datasets.phantom.reader import PhantomSpec, write_phantom  # noqa: PLC0415

    factors = {"clefts": 3, "roundness": 2, "chromatin": 0.5, "size_effect": 4, "stain_effect": 6}
    few = {"patients": 1, "cells": 2, "spread": 0, "size": 64}
    for mixture in ("shape", "size"):
        values = {**few, **factors, "mixture": mixture}
        flags = [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        ended = CliRunner().invoke(app, ["data", "phantom", str(tmp_path / mixture), *flags])
        assert ended.exit_code == 0, ended.output
        write_phantom(PhantomSpec(**values), tmp_path / f"expected-{mixture}")
        written, expected = (tmp_path / name / "manifest.csv" for name in (mixture, f"expected-{mixture}"))
        assert written.read_bytes() == expected.read_bytes()
    assert written.read_bytes() != (tmp_path / "shape" / "manifest.csv").read_bytes()


def test_list_shows_the_licence_of_the_default_weights() -> None:
    lines = dict(
        line.split(maxsplit=1) for line in CliRunner().invoke(app, ["list", "extractors", "--timm"]).output.splitlines()
    )
    shown = {name: lines[name] for name in ("resnet50", "hiera_tiny_224", "alexnet", "botnet50ts_256")}
    assert shown == {
        "resnet50": "apache-2.0",
        "hiera_tiny_224": "cc-by-nc-4.0",
        "alexnet": "unknown",
        "botnet50ts_256": "no weights",
    }


def test_list_shows_foundation_models_with_licence_and_access() -> None:
    lines = [line.split(maxsplit=1) for line in CliRunner().invoke(app, ["list", "extractors"]).output.splitlines()]
    shown = dict(line for line in lines if len(line) == 2)
    assert shown["dinobloom_g"] == "apache-2.0"
    assert shown["virchow2"] == "cc-by-nc-nd-4.0; gated"
    assert shown["reddino_b"].startswith("cc-by-nc-4.0 (its card states apache-2.0")
    assert shown["phikon"] == "owkin non-commercial (unverified)"
