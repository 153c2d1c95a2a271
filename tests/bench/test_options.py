"""Options from a file and from the command line, in one vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.options import MAX_CONFIG_BYTES, Options, make_options


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A path for a configuration file."""
    return tmp_path / "matrix.yaml"


def test_defaults_are_those_of_the_command_line() -> None:
    options = make_options({})
    assert options == Options()
    assert (options.data, options.folds, options.repeats, options.split, options.out) == (
        "phantom", 5, 1, "patient", Path("results")
    )  # fmt: skip


def test_a_file_gives_options_and_the_command_line_goes_before_it(config: Path) -> None:
    config.write_text(
        "folds: 4\nrepeats: 2\nweights-dir: w\nextractors:\n  - handcrafted[families=size+shape]\n  - size\n"
    )
    options = make_options({"folds": 3, "seed": None}, config=config)
    assert (options.folds, options.repeats, options.seed) == (3, 2, 0)
    assert options.weights_dir == Path("w")
    assert options.extractors == ("handcrafted[families=size+shape]", "size")


def test_selectors_are_split_outside_their_brackets() -> None:
    options = make_options({"clfs": "svm[C=1,kernel=linear], knn", "extractors": ["size"]})
    assert options.clfs == ("svm[C=1,kernel=linear]", "knn")
    assert options.extractors == ("size",)


def test_an_empty_file_gives_defaults(config: Path) -> None:
    config.write_text("# nothing\n")
    assert make_options({}, config=config) == Options()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("folds: 5\nrepeets: 2\n", r"matrix\.yaml, line 2: no option is called 'repeets'. Did you mean repeats\?"),
        ("folds: 5\n\n\nseed: soon\n", r"matrix\.yaml, line 4: seed: Input should be a valid integer.*given: 'soon'"),
        ("folds: 1\n", r"line 1: folds: Input should be greater than or equal to 2 \(given: 1\)"),
        (
            "split: patients\n",
            r"line 1: split: Input should be 'patient', 'image', 'official', 'official-linked', 'lopo' or 'held-out'",
        ),
        ("um-per-px: 0\n", r"line 1: um_per_px: Input should be greater than 0"),
        ("timeout: -1\n", r"line 1: timeout: "),
        ("clfs: svm[C=1\n", r"brackets do not close"),
        ("- folds\n", r"a mapping of options to values is expected"),
        ("folds: [\n", r"cannot be read as YAML"),
        ("folds: 5\nfolds: 4\n", r"matrix\.yaml, line 2: folds is given twice, first in line 1"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_key_and_line(config: Path, text: str, complaint: str) -> None:
    config.write_text(text)
    with pytest.raises(BenchError, match=complaint):
        make_options({}, config=config)


def test_every_mistake_is_told_at_once(config: Path) -> None:
    config.write_text("folds: 1\nsplit: x\n")
    with pytest.raises(BenchError) as caught:
        make_options({}, config=config)
    assert sorted(line.split(": ")[1] for line in str(caught.value).splitlines()) == ["folds", "split"]


def test_a_mistake_of_the_command_line_does_not_blame_the_file(config: Path) -> None:
    config.write_text("folds: 5\n")
    with pytest.raises(BenchError) as caught:
        make_options({"folds": 1}, config=config)
    assert str(caught.value).startswith("folds: ")
    with pytest.raises(BenchError, match=r"^no option is called 'fold'. Did you mean folds"):
        make_options({"fold": 5})


def test_files_that_are_no_configuration(config: Path) -> None:
    with pytest.raises(BenchError, match=r"matrix\.yaml: cannot be read as YAML"):
        make_options({}, config=config)
    config.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match=r"matrix\.yaml: cannot be read as YAML"):
        make_options({}, config=config)
    config.write_text("#" * (MAX_CONFIG_BYTES + 1))
    with pytest.raises(BenchError, match="this is no configuration"):
        make_options({}, config=config)


def test_a_file_cannot_make_objects(config: Path) -> None:
    config.write_text('data: !!python/object/apply:os.system ["true"]\n')
    with pytest.raises(BenchError, match="cannot be read as YAML"):
        make_options({}, config=config)


def test_a_preparation_has_one_form_wherever_it_comes_from(config: Path) -> None:
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


def test_a_device_is_one_of_three(config: Path) -> None:
    assert make_options({}).device == "auto"
    config.write_text("device: gpu\n")
    with pytest.raises(BenchError, match=r"line 1: device: Input should be 'auto', 'cpu' or 'cuda' \(given: 'gpu'\)"):
        make_options({}, config=config)


def test_a_threshold_has_one_form_wherever_it_comes_from(config: Path) -> None:
    config.write_text("threshold: 0.50\n")
    assert make_options({}, config=config).threshold == "0.5"
    assert make_options({"threshold": "sens@.950"}).threshold == make_options({"threshold": "sens@0.95"}).threshold
    config.write_text("calibrate: none\nthreshold: sens@95\n")
    with pytest.raises(BenchError, match=r"line 2: threshold: 'sens@95': the number must be above 0") as told:
        make_options({}, config=config)
    assert str(told.value).count("'sens@95'") == 1
