"""scikit-learn's own checks of an estimator, run on a classifier of features."""

from __future__ import annotations

from typing import Any

from bench.contract.outcomes import Broken, NotApplicable


def check_scikit_learn(estimator: Any, consumes: str) -> str:
    """Run `check_estimator`; the sentence counts what passed and names what is expected to fail.

    A class whose wrapped library cannot pass a check says so in `expected_failed_checks`, a mapping from the check's
    name to the reason.

    Raises
    ------
    Broken
        A check failed that is not among the expected ones.
    NotApplicable
        The classifier consumes cells, of which scikit-learn's checks know nothing.
    """
    from sklearn.utils.estimator_checks import check_estimator  # noqa: PLC0415 (takes seconds)

    if consumes != "features":
        raise NotApplicable("it consumes cells, and these checks give it arrays")
    expected = dict(getattr(type(estimator), "expected_failed_checks", {}))
    results = check_estimator(estimator, expected_failed_checks=expected, on_skip=None, on_fail=None)
    failed = [r for r in results if r["status"] == "failed"]
    if failed:
        names = ", ".join(dict.fromkeys(str(r["check_name"]) for r in failed))
        first = str(failed[0]["exception"]).strip().partition("\n")[0]
        raise Broken(f"{len(failed)} of {len(results)} failed: {names}; the first with: {first}")
    passed = sum(r["status"] == "passed" for r in results)
    excused = {str(r["check_name"]) for r in results if r["status"] == "xfail"}
    told = "".join(f"; {name} is expected to fail: {expected[name]}" for name in sorted(excused))
    return f"{passed} passed{told}"
