"""Options from Python and from a YAML file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from bench.errors import BenchError
from bench.options import Options, make_options
from bench.options.values import FrameSource


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A path for a configuration file."""
    return tmp_path / "matrix.yaml"


def test_defaults() -> None:
    options = make_options({})
    assert options == Options()
    assert (options.data, options.folds, options.repeats, options.split, options.out) == (
        "phantom", 5, "auto", "patient", Path("results")
    )  # fmt: skip


def test_arguments_take_precedence_over_a_file(config: Path) -> None:
    config.write_text(
        "folds: 4\nrepeats: 2\nweights-dir: w\nextractors:\n  - handcrafted[families=size+shape]\n  - size\n"
    )
    options = make_options({"folds": 3, "seed": None}, config=config)
    assert (options.folds, options.repeats, options.seed) == (3, 2, 0)
    assert options.weights_dir == Path("w")
    assert options.extractors == ("handcrafted[families=size+shape]", "size")


def test_selectors_are_split_outside_brackets() -> None:
    options = make_options({"classifiers": "svm[C=1,kernel=linear], knn", "extractors": ["size"]})
    assert options.classifiers == ("svm[C=1,kernel=linear]", "knn")
    assert options.extractors == ("size",)


def test_empty_file(config: Path) -> None:
    config.write_text("# nothing\n")
    assert make_options({}, config=config) == Options()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folds: 5\nrepeets: 2\n", r"matrix\.yaml, line 2: no option is called 'repeets'. Did you mean repeats\?"),
        ("folds: 5\n\n\nseed: soon\n", r"matrix\.yaml, line 4: seed: Input should be a valid integer.*given: 'soon'"),
        ("folds: 1\n", r"line 1: folds: Input should be greater than or equal to 2 \(given: 1\)"),
        (
            "split: patients\n",
            r"line 1: split: Input should be 'patient', 'image', 'official', 'official-linked', 'lopo' or 'held-out'",
        ),
        ("um-per-px: 0\n", r"line 1: um_per_px: Input should be greater than 0"),
        ("fit_time: -1\n", r"line 1: fit_time: "),
        ("folds: 5\nclfs: svm[C=1\n", r"line 2: classifiers: .*brackets are not closed"),
        ("- folds\n", r"expected a mapping of options to values"),
        ("folds: [\n", r"cannot be read as YAML"),
        ("folds: 5\nfolds: 4\n", r"matrix\.yaml, line 2: folds is set twice, first in line 1"),
    ],
)
def test_error_in_a_file_contains_key_and_line(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    with pytest.raises(BenchError, match=message):
        make_options({}, config=config)


def test_all_errors_are_reported_together(config: Path) -> None:
    config.write_text("folds: 1\nsplit: x\n")
    with pytest.raises(BenchError) as caught:
        make_options({}, config=config)
    assert sorted(line.split(": ")[1] for line in str(caught.value).splitlines()) == ["folds", "split"]


def test_error_of_an_argument_does_not_name_the_file(config: Path) -> None:
    config.write_text("folds: 5\n")
    with pytest.raises(BenchError) as caught:
        make_options({"folds": 1}, config=config)
    assert str(caught.value).startswith("folds: ")
    with pytest.raises(BenchError, match=r"^no option is called 'fold'. Did you mean folds"):
        make_options({"fold": 5})


def test_file_that_is_not_a_configuration(config: Path) -> None:
    with pytest.raises(BenchError, match=r"matrix\.yaml: cannot be read as YAML"):
        make_options({}, config=config)
    config.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match=r"matrix\.yaml: cannot be read as YAML"):
        make_options({}, config=config)


def test_file_cannot_create_objects(config: Path) -> None:
    config.write_text('data: !!python/object/apply:os.system ["true"]\n')
    with pytest.raises(BenchError, match=r"matrix\.yaml, line 1: tags \(!\) are not read"):
        make_options({}, config=config)


@pytest.mark.parametrize("text", ["{}: 5\n", "folds: {}\n", "split: {}\n", "extractors: [[{}]]\n"])
def test_messages_shorten_long_values(config: Path, text: str) -> None:
    config.write_text(text.format("x" * 900))
    with pytest.raises(BenchError, match=r"x\.\.\.|expected selectors") as caught:
        make_options({}, config=config)
    assert len(str(caught.value)) < 400


def test_preparation_is_canonical(config: Path) -> None:
    config.write_text("folds: 4\nprepare: crop[margin=0]+centre_crop[size=40.0]\n")
    assert make_options({}, config=config).prepare == "crop+centre_crop[size=40]"
    assert make_options({"prepare": "none"}, config=config).prepare == "none"
    config.write_text("folds: 4\nprepare: cropp+centre_crop\n")
    with pytest.raises(BenchError, match=r"line 2: prepare: no step is called 'cropp'. Did you mean crop\?"):
        make_options({}, config=config)
    with pytest.raises(BenchError, match=r"^prepare: crop: margin is from 0 to 8192"):
        make_options({"prepare": "crop[margin=-1]"})
    config.write_text("prepare: [crop]\n")
    with pytest.raises(BenchError, match=r"line 1: prepare: Input should be a valid string"):
        make_options({}, config=config)


def test_device_is_checked(config: Path) -> None:
    assert make_options({}).device == "auto"
    config.write_text("device: gpu\n")
    with pytest.raises(BenchError, match=r"line 1: device: Input should be 'auto', 'cpu' or 'cuda' \(given: 'gpu'\)"):
        make_options({}, config=config)


def test_threshold_is_canonical(config: Path) -> None:
    config.write_text("threshold: 0.50\n")
    assert make_options({}, config=config).threshold == "0.5"
    assert make_options({"threshold": "sens@.950"}).threshold == make_options({"threshold": "sens@0.95"}).threshold
    config.write_text("calibrate: none\nthreshold: sens@95\n")
    with pytest.raises(BenchError, match=r"line 2: threshold: 'sens@95': the number must be above 0") as caught:
        make_options({}, config=config)
    assert str(caught.value).count("'sens@95'") == 1


@pytest.mark.parametrize("name", ["classifiers", "clfs", "classifier", "clf"])
def test_aliases(name: str, config: Path) -> None:
    config.write_text(f"extractor: size\n{name}: svm\n")
    options = make_options({}, config=config)
    assert (options.extractors, options.classifiers) == (("size",), ("svm",))
    assert make_options({name: ["knn"]}, config=config).classifiers == ("knn",)


def test_two_names_of_one_option_are_an_error(config: Path) -> None:
    with pytest.raises(BenchError, match="classifiers and clfs are two names of the same option; use one of them"):
        make_options({"classifiers": "svm", "clfs": "knn"})
    config.write_text("clfs: svm\nclassifiers: knn\n")
    with pytest.raises(BenchError, match=r"line 2: classifiers is set twice, first as clfs in line 1"):
        make_options({}, config=config)


def test_plugins_are_selectors_or_estimators() -> None:
    estimator = LogisticRegression()
    assert make_options({"classifiers": [estimator, "knn"]}).classifiers == (estimator, "knn")
    assert make_options({"classifiers": estimator}).classifiers == (estimator,)
    with pytest.raises(
        BenchError, match=r"LogisticRegression is a class; pass an instance, such as LogisticRegression"
    ):
        make_options({"classifiers": LogisticRegression})
    with pytest.raises(BenchError, match="expected selectors or scikit-learn estimators, not object"):
        make_options({"extractors": [object()]})


def test_root_belongs_to_a_frame(tmp_path: Path) -> None:
    source = make_options({"data": pd.DataFrame({"path": []}), "root": tmp_path}).data
    assert isinstance(source, FrameSource)
    assert source.root == tmp_path
    with pytest.raises(BenchError, match="without a DataFrame as data, leave it out"):
        make_options({"data": "cells/", "root": tmp_path})
    with pytest.raises(BenchError, match="data: expected a path, a selector such as phantom, or"):
        make_options({"data": 3})


def test_explicit_options_are_known() -> None:
    options = make_options({"folds": 5})
    assert options.explicit == {"folds"}
    assert options.replace(repeats=2).explicit == {"folds", "repeats"}
    with pytest.raises(BenchError, match="no option is called 'explicit'"):
        make_options({"explicit": {"seed"}})


@pytest.mark.parametrize("reason", ["", " ", "\t\n"])
def test_an_empty_reason_is_refused(reason: str) -> None:
    with pytest.raises(BenchError, match="reason: the reason is empty; write a short sentence"):
        make_options({"held_out": "cells", "reason": reason})
    assert make_options({"held_out": "cells", "reason": " final test\n"}).reason == "final test"


@pytest.mark.parametrize(("value", "expected"), [("auto", "auto"), (5, 5), ("5", 5), (1, 1)])
def test_repeats_are_a_number_or_auto(value: object, expected: object) -> None:
    assert make_options({"repeats": value}).repeats == expected


@pytest.mark.parametrize("value", [0, -1, "0", "1.5", 1.5, True, "many", "", "5 ", [5]])
def test_other_repeats_are_refused(value: object) -> None:
    with pytest.raises(BenchError, match="repeats: expected auto or a whole number from 1 on"):
        make_options({"repeats": value})


def test_a_selector_is_checked_where_its_option_is_read(tmp_path: Path) -> None:
    (tmp_path / "matrix.yaml").write_text("data: phantom\nclassifiers: [knn, 'a b']\n")
    with pytest.raises(BenchError, match=r"matrix\.yaml, line 2: classifiers: 'a b' is not a selector"):
        make_options({}, config=tmp_path / "matrix.yaml")
