from __future__ import annotations

import pytest

from extractors.cell_errors import errors_with_cell


@pytest.mark.parametrize("message", ["a.png: truncated", "cell E7: a.png: truncated"])
@pytest.mark.parametrize("kind", [ValueError, OSError])
def test_errors_begin_with_the_cell_once(message: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^cell E7: a.png: truncated$"), errors_with_cell("E7"):
        raise kind(message)


def test_other_errors_are_unchanged() -> None:
    with pytest.raises(KeyError, match=r"^'a'$"), errors_with_cell("E7"):
        raise KeyError("a")
