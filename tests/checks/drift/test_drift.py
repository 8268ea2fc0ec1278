# SPDX-License-Identifier: GPL-2.0-only
"""Drift: functions found in C files as kernels write them, and what is said of a tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.drift.c_definitions import definitions, fingerprint
from checks.drift.drift import Report, compare, drift
from checks.drift.store import Sources, is_release, modelled, store, stored
from model.lang.errors import ModelError

HEADER = """\
#ifdef CONFIG_ONE
static inline bool twice(struct folio *folio)
{
    return folio->one; /* } */
}
#else
static inline bool twice(struct folio *folio)
{
    return false;
}
#endif

PAGEFLAG(Dirty, dirty, PF_HEAD)
    TESTSCFLAG(Dirty, dirty, PF_HEAD)
__PAGEFLAG(Locked, locked, PF_NO_TAIL)

#define wrap(x, y) \\
    inner(x, \\
          y)
#define plain other
#define itself itself
extern void only_declared(int x);
"""

SOURCE = """\
/* called(int x) { } in a comment */
static const char *text = "called(int x) { }";

static long called(struct mm_struct *mm,
           unsigned long addr)
    __acquires(lock)
{
    if (other(mm)) {
        not_here(addr);
    }
    return addr; // done
}

SYSCALL_DEFINE2(move, unsigned long, a,
        unsigned long, b)
{
    return called(NULL, a);
}
"""


@pytest.mark.parametrize(
    ("name", "count"),
    [("twice", 2), ("folio_test_dirty", 1), ("folio_test_locked", 1), ("wrap", 1), ("plain", 1),
     ("itself", 0), ("only_declared", 0), ("inner", 0)],
)  # fmt: skip
def test_definitions_in_a_header(name: str, count: int) -> None:
    assert len(definitions(HEADER, name)) == count


def test_a_definition_is_whole() -> None:
    (found,) = definitions(SOURCE, "called")
    assert found.startswith("static long called(")
    assert found.endswith("// done\n}")
    (macro,) = definitions(HEADER, "wrap")
    assert macro.endswith("y)")
    (call,) = definitions(SOURCE, "move")
    assert call.startswith("SYSCALL_DEFINE2(move")
    assert call.endswith("}")


@pytest.mark.parametrize("name", ["other", "not_here", "text"])
def test_what_is_only_used_is_not_defined(name: str) -> None:
    assert definitions(SOURCE, name) == []


def test_tokens_count_and_layout_does_not() -> None:
    (one,) = definitions(SOURCE, "called")
    moved = one.replace("    ", "\t").replace("// done", "/* really */")
    assert fingerprint([one]) == fingerprint([moved])
    assert fingerprint([one]) != fingerprint([one.replace("return addr", "return addr + 1")])
    assert fingerprint(["a b"]) != fingerprint(["ab"])
    assert fingerprint(["f(a) {}", "f(b) {}"]) != fingerprint(["f(a) {}"])


# -- trees -----------------------------------------------------------------------------------------


def make_tree(at: Path, version: str, text: str) -> Path:
    names = ("VERSION", "PATCHLEVEL", "SUBLEVEL")
    parts = [f"{n} = {p}" for n, p in zip(names, version.split("."), strict=True)]
    (at / "mm").mkdir(parents=True)
    (at / "Makefile").write_text("\n".join(["# SPDX", *parts, "EXTRAVERSION =", ""]))
    (at / "mm" / "move.c").write_text(text)
    return at


NOT_AT_HAND: frozenset[tuple[str, str]] = frozenset()
"""Citations whose text nobody could look up when they were stored; there are none."""

CITED = {
    ("mm/move.c:called", "6.18"): ["model/a.py:1"],
    ("mm/move.c:called", "v3"): ["model/b.py:2"],
    ("mm/move.c:move", "6.18"): ["model/a.py:3"],
    ("mm/move.c:move", "6.19"): ["model/a.py:4"],
    ("mm/gone.c:called", "6.18"): ["model/a.py:5"],
}


def states(report: Report) -> list[str]:
    return [e.state.partition(":")[0] for e in report.entries]


def test_states_of_a_tree(tmp_path: Path) -> None:
    old = Sources(make_tree(tmp_path / "old", "6.18.0", SOURCE))
    of_old = [key for key in CITED if key[1] == "6.18"]
    known = {key: digest for key in of_old if (digest := old.hash_of(key[0]))}
    known["mm/gone.c:called", "6.18"] = "0"
    changed = SOURCE.replace("return addr;", "return -addr;")
    report = compare(Sources(make_tree(tmp_path / "new", "7.1.2", changed)), CITED, known)
    assert report.version == "7.1.2"
    assert states(report) == ["differs", "not stored", "same", "not stored", "not found"]
    assert [e.cite for e in report.differing] == ["mm/move.c:called", "mm/gone.c:called"]
    assert "mailing list" in report.entries[1].state
    assert report.entries[0].models == ("model/a.py:1",)


def test_store_keeps_what_no_tree_has(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "5.0.json").write_text("{}")
    tree = make_tree(tmp_path / "tree", "6.18.3", SOURCE)
    lacking = store([tree], folder, CITED)
    assert lacking == ["mm/gone.c:called 6.18", "mm/move.c:move 6.19"]
    assert sorted(f.name for f in folder.iterdir()) == ["6.18.json", "6.19.json"]


@pytest.mark.parametrize("what", ["nothing", "a file", "empty", "no version"])
def test_what_is_no_tree(tmp_path: Path, what: str) -> None:
    path = tmp_path / "tree"
    if what == "a file":
        path.write_text("x")
    elif what != "nothing":
        path.mkdir()
    if what == "no version":
        (path / "mm").mkdir()
        (path / "Makefile").write_text("all:\n")
    with pytest.raises(ModelError, match="is no kernel tree"):
        drift(path)


# -- what is modelled ------------------------------------------------------------------------------


def test_every_citation_of_a_release_is_stored() -> None:
    """After a new citation: python -m checks.drift.store TREE..."""
    of_releases = {key for key in modelled() if is_release(key[1])}
    assert of_releases == set(stored()) | NOT_AT_HAND


def test_citations_have_the_form_of_a_place() -> None:
    for (cite, _), models in modelled().items():
        file, colon, function = cite.partition(":")
        assert colon, cite
        assert file.endswith((".c", ".h")), cite
        assert function.isidentifier(), cite
        assert all(m.startswith("model/") for m in models)


def test_the_hash_is_the_one_that_the_stored_files_were_made_with() -> None:
    """Another version of pygments must not make every function differ."""
    text = "static inline void native(void)\n{\n\tWRITE_ONCE(*ptep, pte);\n}\n"
    assert fingerprint(definitions(text, "native")) == "c3f44535fc64e69cbc166290e297f16c"
