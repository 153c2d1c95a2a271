"""Run `check_estimator` of scikit-learn on a classifier of features."""

from __future__ import annotations

from typing import Any

from bench.contract.outcomes import NotApplicable, Violation


def check_scikit_learn(estimator: Any, consumes: str) -> str:
    """Run `check_estimator` and return a summary of passed and expected failures.

    A class lists expected failures in `expected_failed_checks`, a mapping from the name of a check to the reason.

    Raises
    ------
    Violation
        A check failed unexpectedly.
    NotApplicable
        The classifier consumes cells; the checks of scikit-learn use arrays.
    """
    from sklearn.utils.estimator_checks import check_estimator  # noqa: PLC0415 (takes seconds)

    if consumes != "features":
        raise NotApplicable("it consumes cells; these checks use arrays")
    expected = dict(getattr(type(estimator), "expected_failed_checks", {}))
    results = check_estimator(estimator, expected_failed_checks=expected, on_skip=None, on_fail=None)
    failed = [r for r in results if r["status"] == "failed"]
    if failed:
        names = ", ".join(dict.fromkeys(str(r["check_name"]) for r in failed))
        first = str(failed[0]["exception"]).strip().partition("\n")[0]
        raise Violation(f"{len(failed)} of {len(results)} failed: {names}; the first with: {first}")
    passed = sum(r["status"] == "passed" for r in results)
    excused = {str(r["check_name"]) for r in results if r["status"] == "xfail"}
    expected_failures = "".join(f"; {name} is expected to fail: {expected[name]}" for name in sorted(excused))
    return f"{passed} passed{expected_failures}"
