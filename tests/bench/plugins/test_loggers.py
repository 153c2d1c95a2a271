"""Loggers that are refused before a run, each in a sentence, and what is taken of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_loggers import FAKE_LOGGERS

from bench.errors import BenchError
from bench.options import make_options
from bench.plugins.loggers import logger_spec

CSV = "pytorch_lightning.loggers.CSVLogger"


@pytest.fixture(autouse=True)
def loggers(install: Callable[[str, str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(*FAKE_LOGGERS)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CSV, rf"--logger {CSV} needs save_dir: write {CSV}\[save_dir=\.\.\.\]"),
        (f"{CSV}[save_dir=l,prefux=x]", "CSVLogger has no parameter 'prefux'. Did you mean prefix"),
        (f"{CSV}[save_dir=l,name=x]", "name is set for each fit; leave it out"),
        (f"{CSV}[save_dir=l,version=1]", "version is set for each fit; leave it out"),
        (f"{CSV}[save_dir=a+b]", "save_dir is a number or a word, not a list or a selector"),
        (f"{CSV}[save_dir=svm[C=2]]", "save_dir is a number or a word, not a list or a selector"),
        (f"{CSV}[save_dir=file/l]", r"file/l: cannot be written \(.*file\); choose another folder with save_dir"),
        ("pytorch_lightning.loggers.CsvLogger[save_dir=l]", "CsvLogger of pytorch-lightning cannot be imported"),
        ("CSVLogger[save_dir=l]", f"--logger CSVLogger is not the import path of a class; write one such as {CSV}"),
        ("no_such_package.Logger", "no_such_package.Logger cannot be imported .ModuleNotFoundError"),
        ("logging.FileHandler[filename=x]", "logging.FileHandler is not the import path of a Lightning logger"),
        ("subprocess.Popen[args=x]", "subprocess.Popen is not the import path of a Lightning logger"),
        ("pathlib.Path.touch[self=x]", "pathlib.Path.touch is not the import path of a Lightning logger"),
        ("their_loggers.NoLogger[file=x]", "their_loggers.NoLogger is not a logger: it is not derived from pytorch_"),
        ("their_loggers.Path[file=x]", "their_loggers.Path is not a logger"),
        ("their_loggers.json[file=x]", "their_loggers.json of .* is a module, not a class|is a module, not a class"),
        ("their_loggers.Broken[file=x]", r"Broken cannot be used \(TypeError: limit is not supported\); correct it"),
        ("pytorch_lightning.loggers.WandbLogger", "cannot be used .ModuleNotFoundError: Requirement 'wandb"),
    ],
)
def test_what_is_not_a_usable_logger_is_refused(text: str, message: str) -> None:
    Path("file").touch()
    with pytest.raises(BenchError, match=message) as refusal:
        logger_spec(text)
    assert "\n" not in str(refusal.value)


def test_folders_become_absolute_and_nothing_is_written(tmp_path: Path) -> None:
    spec = logger_spec(f"{CSV}[save_dir=some/../logs,prefix=p,flush_logs_every_n_steps=7]")
    assert spec.target == "pytorch_lightning.loggers:CSVLogger"
    assert spec.params == {"save_dir": str(tmp_path / "logs"), "prefix": "p", "flush_logs_every_n_steps": 7}
    assert logger_spec(f'{CSV}[save_dir="file://logs"]').params == {"save_dir": "file://logs"}
    assert logger_spec("their_loggers.NameOnly[file=rows]").params == {"file": "rows"}
    assert list(tmp_path.iterdir()) == []


def test_paths_that_no_file_system_has_are_refused_with_the_line(tmp_path: Path) -> None:
    config = tmp_path / "matrix.yaml"
    config.write_text(f"folds: 4\nlogger: {CSV}[save_dir={'y' * 300}]\n")
    with pytest.raises(BenchError, match=r"matrix\.yaml, line 2: logger: save_dir: the path .* more than 255 bytes"):
        make_options({}, config=config)
    with pytest.raises(BenchError, match=r"logger: save_dir: the path .* contains a NUL character"):
        make_options({"logger": f'{CSV}[save_dir="a\\u0000b"]'})
    with pytest.raises(BenchError, match=r"logger: .*the bracket after .* is not closed"):
        make_options({"logger": f"{CSV}[save_dir=l"})
