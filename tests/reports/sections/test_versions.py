from __future__ import annotations

from typing import Any

from bench.experiments.results import Results
from reports.sections.versions import environments, library_versions


def test_all_versions_of_extractor_and_classifier_libraries(results: Results, add: Any) -> None:
    add()
    add(
        components={
            "classifier_libraries": {"numpy": "2.4.7", "xgboost": "3.1"},
            "engine": {"bench.scores.metrics": "not a library"},
        },
        environment={"python": "3.12.1", "machine": "arm64"},
    )
    assert library_versions(results.experiments()) == {
        "numpy": ["2.4.6", "2.4.7"],
        "opencv-python-headless": ["5.0.0"],
        "scikit-learn": ["1.9.1"],
        "xgboost": ["3.1"],
    }
    assert environments(results.experiments()) == ["Python 3.11.7 on x86_64", "Python 3.12.1 on arm64"]
