"""Parsing and formatting of selectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.plugins.selectors import MAX_INTEGER, Selector, Value, format_value, parse, split_list

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.\-/]{0,12}", fullmatch=True)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER + 1, MAX_INTEGER - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["true", "1e-6", "NaN", "-Infinity", "1e400", "a+b", "x=y", "svm[", '"', '\\"', " ", "", "None"])
)


def _selectors(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Selector]:
    return st.builds(Selector, NAMES, st.dictionaries(KEYS, values, max_size=3))


def _items(depth: int) -> st.SearchStrategy[Value]:
    if not depth:
        return SCALARS
    inner = _items(depth - 1)
    return SCALARS | _selectors(inner | st.lists(inner, max_size=3).map(tuple))


ITEMS = _items(2)
SELECTORS = _selectors(ITEMS | st.lists(ITEMS, max_size=3).map(tuple))


@given(SELECTORS)
def test_formatted_selectors_are_parsed_back(selector: Selector) -> None:
    again = parse(str(selector))
    assert again == selector
    assert str(again) == str(selector)  # 1, 1.0 and true are equal but not the same


@given(SELECTORS)
def test_equal_selectors_hash_alike_whatever_the_order_of_their_parameters(selector: Selector) -> None:
    turned = Selector(selector.name, dict(reversed(selector.params.items())))
    assert turned == selector
    assert hash(turned) == hash(selector)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("10", 10),
        ("1.0", 1.0),
        ("true", True),
        ("True", True),
        ("null", None),
        ("None", None),
        ("rbf", "rbf"),
        ('"a, b]"', "a, b]"),
        ('"1"', "1"),
        ("1+2+4", (1, 2, 4)),
        ("1+", (1,)),
        ('"a b"+c', ("a b", "c")),
        ("svm[C=1]", Selector("svm", {"C": 1})),
        ("svm[]", Selector("svm")),
        ("svm[C=1]+knn[]", (Selector("svm", {"C": 1}), Selector("knn"))),
        ("1e400", "1e400"),
        ("c:/x y", "c:/x y"),
    ],
)
def test_values(text: str, value: Value) -> None:
    read = parse(f"name[key={text}]").params["key"]
    assert read == value
    assert type(read) is type(value)


def test_nesting_and_quotes_guard_commas_and_signs() -> None:
    read = parse('ensemble[members=svm[C=1,kernel=linear]+knn[k=3],note="a=b,c+d]"]')
    assert read.params == {
        "members": (Selector("svm", {"C": 1, "kernel": "linear"}), Selector("knn", {"k": 3})),
        "note": "a=b,c+d]",
    }


def test_a_list_of_selectors_splits_outside_brackets_and_drops_empty_pieces() -> None:
    assert split_list('svm[C=1,kernel=rbf], knn,,rf[x="a,b"],') == ["svm[C=1,kernel=rbf]", "knn", 'rf[x="a,b"]']


def test_strings_are_quoted_only_if_ambiguous() -> None:
    written = [format_value(value) for value in ("rbf", "1", "true", "a b", "a+b", 1, True, None, 1e-6, ("a",), ())]
    assert written == ["rbf", '"1"', '"true"', '"a b"', '"a+b"', "1", "true", "null", "1e-06", "a+", "+"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a selector"),
        ("[C=1]", "not a selector"),
        ("-svm", "not a selector"),
        ("two words", "not a selector"),
        ("svm[C=1", "not closed"),
        ("svm[C=1]x", "not closed"),
        ("svm[C=1][D=2]", "the brackets are not closed"),
        ("svm[C]", "expected key=value"),
        ("svm[=1]", "expected key=value"),
        ("svm[1C=1]", "expected key=value"),
        ("svm[C=]", "no value"),
        ("svm[C=1,C=2]", "given twice"),
        ('svm[C="1]', "a quote is not closed"),
        ('svm[C="a"b]', "quoted in part"),
        ("svm[C=[1]]", r"\[1\] is not a value; a list is joined by \+"),
        ("svm[a=knn[k=1]", "the brackets are not closed"),
    ],
)
def test_invalid_selectors_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(BenchError, match=complaint):
        parse(text)


@pytest.mark.parametrize("start", ["a[b=", 'a[q="]",b=', "a[b=1+", "a[b=1,c="])
def test_selectors_are_nested_at_most_five_deep(start: str) -> None:
    assert parse(start * 5 + "c" + "]" * 5).name == "a"
    with pytest.raises(BenchError, match="selectors are nested at most 5 deep"):
        parse(start * 6 + "c" + "]" * 6)


@pytest.mark.parametrize("start", ["a[b=", "a[b=[", '{"a":', "[", "a[b=c+d["])
def test_a_deep_text_is_refused_at_once(start: str) -> None:
    for text in (start * 300, start * 100_000):
        with pytest.raises(BenchError, match=r"nested at most 5 deep|at most 16000 characters|not a selector"):
            parse(text)
        with pytest.raises(BenchError):
            parse(f"svm[C={text}]")


def test_brackets_in_quotes_are_not_nesting() -> None:
    assert parse(f'a[b="{"[" * 50}"]').params == {"b": "[" * 50}


@pytest.mark.parametrize("number", [f"{2**63}", f"-{2**63}", "9" * 400, f"1+{2**70}"])
def test_whole_numbers_are_bounded(number: str) -> None:
    with pytest.raises(BenchError, match="a whole number of this size is not a parameter"):
        parse(f"svm[C={number}]")
    assert parse(f"svm[C={2**63 - 1}]").params["C"] == 2**63 - 1


def test_the_length_is_bounded() -> None:
    assert parse(f"svm[C={'x' * 15_993}]").params["C"] == "x" * 15_993
    with pytest.raises(BenchError, match="at most 16000 characters; this one has 16001"):
        parse(f"svm[C={'x' * 15_994}]")
