"""Identity of estimator objects: it changes with class, code and parameters, and with nothing else."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from bench.errors import BenchError
from bench.plugins.object_identity import identity_of, import_path

CELL = '''
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

FACTOR = 2.0

def measured(image):
    return image.mean() * FACTOR

class Mean(TransformerMixin, BaseEstimator):
    """Docstring."""

    def __init__(self, power=1):
        self.power = power

    def fit(self, cells, y=None):
        return self

    def transform(self, cells):
        return np.float32([[measured(cell.image) ** self.power] for cell in cells])
'''


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Run the source of a notebook cell in a `__main__` without a file, as IPython does; return its class `Mean`."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    cells = iter(range(100))

    def run(source: str) -> Any:
        name = f"<cell {next(cells)}>"
        monkeypatch.setitem(linecache.cache, name, (len(source), None, source.splitlines(keepends=True), name))
        exec(compile(source, name, "exec"), main.__dict__)  # noqa: S102 (the source is above)
        return main.Mean

    return run


def test_equal_objects_have_equal_identities() -> None:
    assert identity_of(LogisticRegression(C=3)) == identity_of(LogisticRegression(C=3))
    assert identity_of(LogisticRegression(C=3)) != identity_of(LogisticRegression(C=4))
    ours, theirs = (make_pipeline(StandardScaler(), SVC(C=c)) for c in (1, 2))
    assert identity_of(ours) != identity_of(theirs)
    assert identity_of(CalibratedClassifierCV(ours)) != identity_of(CalibratedClassifierCV(theirs))


def test_parameters_of_the_engine_are_left_out() -> None:
    assert identity_of(LogisticRegression(random_state=1)) == identity_of(LogisticRegression())
    assert identity_of(make_pipeline(LogisticRegression(random_state=1))) == identity_of(
        make_pipeline(LogisticRegression())
    )


def test_identity_of_a_notebook_class_follows_its_source(notebook: Callable[[str], Any]) -> None:
    first = identity_of(notebook(CELL)())
    assert identity_of(notebook(CELL)()) == first, "run again"
    assert identity_of(notebook(CELL.replace("Docstring", "Other text"))()) == first
    assert identity_of(notebook(CELL)(power=2)) != first
    for old, new in (("** self.power", "* self.power"), ("mean()", "max()"), ("FACTOR = 2.0", "FACTOR = 3.0")):
        assert identity_of(notebook(CELL.replace(old, new))()) != first, new


def test_functions_are_identified_by_path_or_source(notebook: Callable[[str], Any]) -> None:
    notebook(CELL)
    main = sys.modules["__main__"].__dict__
    assert identity_of(FunctionTransformer(np.log1p)) != identity_of(FunctionTransformer(np.log2))
    exec(compile("f = lambda x: x + 1", "<no source>", "exec"), main)  # noqa: S102
    with pytest.raises(BenchError, match="the source of <lambda> is not available"):
        identity_of(FunctionTransformer(main["f"]))
    first, second = (_adder(n) for n in (1, 2))
    assert identity_of(FunctionTransformer(first)) != identity_of(FunctionTransformer(second)), "enclosed values"


def _adder(n: int) -> Callable[[Any], Any]:
    def add(x: Any) -> Any:
        return x + n

    return add


def test_unidentifiable_values_are_refused(notebook: Callable[[str], Any]) -> None:
    with pytest.raises(BenchError, match=r"the parameter 'C' of LogisticRegression is a object, which cannot be"):
        identity_of(LogisticRegression(C=object()))
    cls = notebook(CELL.replace("FACTOR = 2.0", "FACTOR = np.ones(3)"))
    with pytest.raises(BenchError, match="measured uses 'FACTOR', which is a ndarray, which cannot be identified"):
        identity_of(cls())


def test_public_import_paths_are_preferred() -> None:
    assert import_path(LogisticRegression) == "sklearn.linear_model.LogisticRegression"
    assert import_path(type("Local", (), {})) is None
