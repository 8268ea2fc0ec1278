# SPDX-License-Identifier: GPL-2.0-only
"""Edits change what they say and nothing else, keep the lines, and never pass in silence."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from checks.mutate.played import role
from model.lang import edits as ed
from model.lang.errors import ModelError
from model.patches.mutant import mutant
from tests.families import MOVE

TEXT = """\
def routine(a, b):
    lock(a)
    if not stable(a):
        unlock(a)
        return 1
    old = clear(a, b)
    if pinned(a) or shared(a):
        put(a)
    if b > 0:
        flush(a, b, kind=1)
    unlock(a)
    return 0
"""


def routine() -> ast.FunctionDef:
    tree = ast.parse(TEXT).body[0]
    assert isinstance(tree, ast.FunctionDef)
    return tree


def edited(*edits: ed.FunctionEdit) -> list[str]:
    ((name, edit),) = ed.together(edits)
    assert name == "routine"
    return ast.unparse(edit(routine())).splitlines()


def changed(*edits: ed.FunctionEdit) -> tuple[set[str], set[str]]:
    """The lines that went and those that came."""
    before, after = ast.unparse(routine()).splitlines(), edited(*edits)
    return ({line.strip() for line in before if line not in after},
            {line.strip() for line in after if line not in before})  # fmt: skip


IN = "routine"


@pytest.mark.parametrize(
    ("edit", "gone", "come"),
    [
        (ed.drop("put", in_=IN), {"put(a)"}, {"pass"}),
        (ed.drop("lock", in_=IN), {"lock(a)"}, set()),
        (ed.drop_assignment("clear", in_=IN), {"old = clear(a, b)"}, set()),
        (ed.drop_branch("stable", in_=IN), {"if not stable(a):", "unlock(a)", "return 1"},
         {"pass"}),
        (ed.drop_branch("b > 0", in_=IN), {"if b > 0:", "flush(a, b, kind=1)"}, {"pass"}),
        (ed.drop_condition("pinned", in_=IN), {"if pinned(a) or shared(a):"}, {"if shared(a):"}),
        (ed.replace_call("clear", "take", in_=IN), {"old = clear(a, b)"}, {"old = take(a, b)"}),
        (ed.replace_argument("clear", 1, "b - 1", in_=IN), {"old = clear(a, b)"},
         {"old = clear(a, b - 1)"}),
        (ed.replace_keyword("flush", "kind", "2", in_=IN), {"flush(a, b, kind=1)"},
         {"flush(a, b, kind=2)"}),
        (ed.drop_keyword("flush", "kind", in_=IN), {"flush(a, b, kind=1)"}, {"flush(a, b)"}),
        (ed.answer("pinned", "False", in_=IN), {"if pinned(a) or shared(a):"},
         {"if False or shared(a):"}),
        (ed.ignore("clear", in_=IN), {"old = clear(a, b)"}, {"clear(a, b)"}),
        (ed.insert_after("clear", "again(a)", in_=IN), set(), {"again(a)"}),
    ],
)  # fmt: skip
def test_an_edit_changes_what_it_says(
    edit: ed.FunctionEdit, gone: set[str], come: set[str]
) -> None:
    went, came = changed(edit)
    if not went and gone:  # the same text stands elsewhere too
        assert len(edited(edit)) < len(ast.unparse(routine()).splitlines())
    assert went <= gone
    assert came == come


def test_a_guarded_call_moves_with_its_guard_and_keeps_its_line() -> None:
    edit = ed.move_after("flush", "unlock", anchor_nth=2, in_=IN)
    assert edited(edit)[-4:] == ["    unlock(a)", "    if b > 0:", "        flush(a, b, kind=1)",
                                 "    return 0"]  # fmt: skip
    moved = edit[1](routine()).body[-2]
    assert moved.lineno == 9


def test_moves_to_the_front_of_a_call() -> None:
    assert edited(ed.move_before("flush", "clear", in_=IN)).index("    if b > 0:") == 5
    branch = edited(ed.move_branch_before("pinned", "clear", in_=IN))
    assert branch.index("    if pinned(a) or shared(a):") == 5


def test_new_statements_have_the_line_of_their_neighbour_and_a_column_of_their_own() -> None:
    tree = ed.insert_after("clear", "again(a)", in_=IN)[1](routine())
    old, new = tree.body[2], tree.body[3]
    assert (old.lineno, new.lineno) == (6, 6)
    assert new.col_offset > (old.end_col_offset or 0)


def test_the_original_is_left_alone_and_asked_for_twice_it_is_the_same() -> None:
    tree = routine()
    edit = ed.drop("lock", in_=IN)[1]
    assert edit(tree) is edit(tree)
    assert ast.unparse(tree) == ast.unparse(routine())


def test_edits_of_one_function_follow_each_other() -> None:
    lines = edited(ed.replace_call("clear", "take", in_=IN), ed.ignore("take", in_=IN))
    assert "    take(a, b)" in lines


@pytest.mark.parametrize(
    "edit",
    [
        ed.drop("no_such_call", in_=IN),
        ed.drop("unlock", in_=IN),  # two of them
        ed.drop("unlock", nth=3, in_=IN),
        ed.drop("clear", in_=IN),  # its result is used
        ed.drop_assignment("lock", in_=IN),
        ed.drop_branch("no_such_test", in_=IN),
        ed.drop_condition("stable", in_=IN),
        ed.move_after("flush", "no_such_call", in_=IN),
        ed.move_after("flush", "flush", in_=IN),
        ed.replace_argument("lock", 1, "b", in_=IN),
        ed.replace_keyword("flush", "size", "2", in_=IN),
        ed.drop_keyword("flush", "size", in_=IN),
        ed.ignore("lock", in_=IN),
        ed.answer("no_such_call", "True", in_=IN),
        ed.insert_after("no_such_call", "lock(b)", in_=IN),
    ],
)
def test_a_target_that_is_not_there_is_an_error(edit: ed.FunctionEdit) -> None:
    with pytest.raises(ModelError, match="routine"):
        edit[1](routine())


def test_a_function_that_the_cast_does_not_call_is_an_error() -> None:
    wrong = mutant(
        "wrong", "a function of another neighbour", ed.drop("synchronize_rcu", in_="zap_table"),
        breaks="no_use_of_a_free_table", cast="move/1p/ptl=different/init=all_at_src",
    )  # fmt: skip
    with pytest.raises(ModelError, match="calls zap_table"):
        role(MOVE, wrong)


def test_a_cast_that_is_not_there_is_an_error() -> None:
    wrong = replace(MOVE.mutants[0], cast="move/1p/ptl=different/init=all_at_sr")
    with pytest.raises(ModelError, match="did you mean move/1p/ptl=different/init=all_at_src"):
        role(MOVE, wrong)
