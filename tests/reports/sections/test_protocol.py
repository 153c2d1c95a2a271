from __future__ import annotations

from typing import Any

from reports.sections.protocol import decision_summary, protocol_sentences


def test_protocol_of_patient_and_image_splits(add: Any, groups: Any) -> None:
    add(protocol={"split": "patient", "tune": 50})
    add(protocol={"split": "image"}, flags=["LEAKY"], repeats=2)
    by_patient, by_image = (" ".join(protocol_sentences(group)) for group in groups())
    assert "each patient is held out once in 4 folds;" in by_patient
    assert "50 trials of Optuna in each outer fold" in by_patient
    assert "of single cells, repeated 2 times, so a patient's cells are in both training and test sets" in by_image
    assert "at most 3, by image" in by_image
    assert "default or specified parameters" in by_image


def test_decision_is_summarised_if_it_is_not_the_default(add: Any, groups: Any) -> None:
    add(protocol={"calibrate": "sigmoid", "threshold": "sens@0.95", "aggregate": "share"})
    add(protocol={"seed": 1})
    by_seed = {group.protocol["seed"]: group for group in groups()}
    assert decision_summary(by_seed[0]) == "calibration sigmoid, threshold sens@0.95, patient score share"
    assert decision_summary(by_seed[1]) == ""
    changed = " ".join(protocol_sentences(by_seed[0]))
    for words in ("a sigmoid of the log-odds", "a patient-weighted sensitivity of at least 0.95", "as positive"):
        assert words in changed
    default = " ".join(protocol_sentences(by_seed[1]))
    for words in ("those of the classifier", "highest patient-mean balanced accuracy", "mean probability"):
        assert words in default


def test_three_classes_have_no_threshold(add: Any, groups: Any) -> None:
    add(classes=("a", "b", "c"), protocol={"threshold": "sens@0.9"})
    (group,) = groups()
    assert decision_summary(group) == ""
    assert "Threshold: none; a cell is assigned to its most probable class." in protocol_sentences(group)
