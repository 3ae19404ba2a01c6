"""Stories of the bracket language that KiCad writes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes.importers import sexpr
from recipes.importers.sexpr import Node

words = st.text(st.characters(codec="ascii", exclude_characters='()"\\ \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f'), min_size=1)
texts = st.text(max_size=20)
trees = st.recursive(texts, lambda inner: st.lists(inner, max_size=4), max_leaves=20).filter(
    lambda tree: isinstance(tree, list)
)


def written(tree: object) -> str:
    if isinstance(tree, list):
        return "(" + " ".join(written(item) for item in tree) + ")"
    return '"' + str(tree).replace("\\", "\\\\").replace('"', '\\"') + '"'


def plain(item: str | Node) -> object:
    return [plain(inner) for inner in item.items] if isinstance(item, Node) else item


@settings(max_examples=60, deadline=None)
@given(tree=trees)
def test_any_tree_of_quoted_texts_reads_back_the_same(tree: list[object]) -> None:
    assert plain(sexpr.parse(written(tree))) == tree


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet='()" \\\nab1', max_size=60))
def test_any_text_is_either_read_or_refused_with_a_line_inside_it(text: str) -> None:
    with contextlib.suppress(sexpr.NotSexpr):
        sexpr.parse(text)
        return
    with pytest.raises(sexpr.NotSexpr) as refused:
        sexpr.parse(text)
    assert 1 <= refused.value.line <= text.count("\n") + 1


def test_lists_know_their_lines_and_numbers_stop_at_the_first_word() -> None:
    root = sexpr.parse('(board\n (at 1.5 -2 90)\n (size nan 3)\n (text "a (b) \\"c\\""))')
    at, size = root.child("at"), root.child("size")
    assert at is not None
    assert size is not None
    assert (at.line, at.numbers()) == (2, [1.5, -2.0, 90.0])
    assert (size.line, size.numbers()) == (3, [])
    assert next(root.children("text")).word() == 'a (b) "c"'


def test_a_million_brackets_are_refused_quickly_instead_of_exhausting_the_stack() -> None:
    with pytest.raises(sexpr.NotSexpr, match="nested deeper"):
        sexpr.parse("(" * 1_000_000)
