# SPDX-License-Identifier: GPL-2.0-only
"""Callers: who calls a function, in which function, and what stands before the call."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.callers.callers import Caller, callers, callers_in
from model.lang.errors import ModelError
from tests.command import run

SOURCE = """\
/* walk(folio) in a comment */
static const char *said = "walk(folio)";

static int walk(struct folio *folio, struct how *how)
{
    return how->one(folio);
}

static bool young(struct folio *folio)
    __must_hold(&lock)
{
    bool need_lock = !test_anon(folio);

    if (need_lock && !folio_trylock(folio))
        return false;
    if (other(folio)) {
        spin_lock(&a);
        spin_unlock(&a);
    }
    if (folio->one)
        walk(folio,
             &how);
    folio_unlock(folio);
    return true;
}

SYSCALL_DEFINE2(shake, unsigned long, a, unsigned long, b)
{
    VM_WARN_ON(!folio_test_locked(page));
    use(walk);
    return block_walk(a) + walk(page, NULL);
}

static inline int one_line(void) { return walk(NULL, NULL); }

int braced(struct walk *w) {
    if (w->walk) {
        first();
    } else {
        walk(w, NULL);
    }
    goto out;
}

#define walk_all(folio) \\
    walk(folio, &all)

static struct ops ops = {
    .walk = walk,
};
"""


def found() -> list[Caller]:
    return list(callers_in(SOURCE, "walk", "mm/a.c"))


def test_calls_are_those_of_the_name_alone() -> None:
    calls = [(c.function, c.at.line, c.at.text) for c in found() if c.is_call]
    assert calls == [
        ("young", 21, "walk(folio, &how)"),
        ("shake", 31, "walk(page, NULL)"),
        ("one_line", 34, "walk(NULL, NULL)"),
        ("braced", 40, "walk(w, NULL)"),
        ("#define walk_all", 46, "walk"),
    ]


def test_who_takes_the_address_is_told() -> None:
    assert [(c.function, c.at.line) for c in found() if not c.is_call] == [
        ("shake", 30),
        ("", 49),
    ]


def test_locks_before_a_call_are_told_with_the_branches_they_are_in() -> None:
    young, _, shake, *others = found()
    (braced,) = (c for c in others if c.function == "braced" and c.is_call)
    assert [p.text for p in braced.branches] == ["} else {"]
    assert [(p.line, p.text) for p in young.locks] == [
        (14, "if (need_lock && !folio_trylock(folio))"),
        (16, "if (other(folio)) {"),
        (17, "spin_lock(&a);"),
        (18, "spin_unlock(&a);"),
    ]
    assert [(p.line, p.text) for p in young.branches] == [(20, "if (folio->one)")]
    assert [p.line for p in shake.locks] == [29]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "mm").mkdir()
    (tmp_path / "tools").mkdir()
    (tmp_path / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 1\n")
    for folder in ("mm", "tools"):
        (tmp_path / folder / "a.c").write_text(SOURCE)
    (tmp_path / "mm" / "b.h").write_text("static inline int b(void) { return 0; }\n")
    return tmp_path


def test_a_tree(tree: Path) -> None:
    answer = callers(tree, "walk")
    assert (answer.version, answer.files) == ("7.2.1", 2)
    assert {c.file for c in answer.found} == {"mm/a.c"}
    ran = run("callers", "walk", str(tree), "--under", "mm")
    assert ran.exit_code == 0
    first, file, young, lock, *_ = ran.stdout.splitlines()
    assert first == "callers    walk: 5 calls in 5 functions; kernel 7.2.1, 2 files"
    assert file == "mm/a.c"
    assert young == "    21 young(): walk(folio, &how)"
    assert lock == "             14 if (need_lock && !folio_trylock(folio))"


@pytest.mark.parametrize(
    ("name", "under", "said"),
    [
        ("no name", "", "is no name"),
        ("walk", "fs", "has no folder 'fs'"),
        ("walk", "..", "has no folder"),
        ("walk", "tools", "is not looked at"),
        ("", "", "is no name"),
    ],
)
def test_bad_input_is_one_line(name: str, under: str, said: str, tree: Path) -> None:
    with pytest.raises(ModelError, match=said):
        callers(tree, name, under)
