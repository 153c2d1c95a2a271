from __future__ import annotations

import pytest

from bench.datasets.classes import positive_class
from bench.datasets.known_negatives import positive_of

PAIRS = [
    # classes, positive class, whether a known negative decides
    ("leukaemic normal", "leukaemic", True),
    ("Parasitized Uninfected", "Parasitized", True),
    ("all hem", "all", True),
    ("ALL HEM", "ALL", True),
    ("AML control", "AML", True),
    ("Benign Malignant", "Malignant", True),
    ("Healthy_donor MDS", "MDS", True),
    ("negative positive", "positive", True),
    ("HER2_negative HER2_positive", "HER2_positive", True),
    ("infected non-infected", "infected", True),
    ("no_parasite parasite", "parasite", True),
    ("abnormal normal", "abnormal", True),
    ("not-normal normal", "not-normal", True),
    ("ER+ ER-", "ER+", True),
    ("ER+ ER\u2212", "ER+", True),
    ("+ -", "+", True),
    ("HER2(+) HER2(-)", "HER2(+)", True),
    ("None blast", "blast", True),
    ("0 1", "1", False),
    ("no yes", "yes", False),
    ("False True", "True", False),
    ("lymphocyte normoblast", "normoblast", False),
    ("benign normal", "normal", False),
    ("nonsense sense", "sense", False),
    ("hemangioma melanoma", "melanoma", False),
]


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (("Non-Hodgkin lymphoma", "normal"), "Non-Hodgkin lymphoma"),
        (("hem", "non-small-cell carcinoma"), "non-small-cell carcinoma"),
        (("Hodgkin", "Non-Hodgkin"), None),
        (("non malignant", "malignant"), "malignant"),
    ],
)
def test_diseases_whose_name_begins_with_a_negation(classes: tuple[str, str], positive: str | None) -> None:
    assert positive_of(classes) == positive


@pytest.mark.parametrize(("names", "positive", "known"), PAIRS)
def test_the_class_that_is_not_a_known_negative_is_positive(names: str, positive: str, known: bool) -> None:
    first, last = sorted(names.split())
    chosen, notice = positive_class((first, last), None, None)
    assert chosen == positive
    assert notice is not None
    reason = f"since {(first if chosen == last else last)!r} is a known negative" if known else "the last in sort order"
    assert notice == f"the positive class is {positive!r}, {reason}; set another with --positive"


def test_the_user_and_the_reader_go_first_whatever_the_case() -> None:
    assert positive_class(("leukaemic", "normal"), "Normal", None) == ("normal", None)
    assert positive_class(("all", "hem"), None, "ALL") == ("all", None)
    assert positive_class(("leukaemic", "normal"), None, "normal") == ("normal", None)
    assert positive_class(("a", "b", "normal"), None, None) == (None, None)
