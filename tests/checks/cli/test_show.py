# SPDX-License-Identifier: GPL-2.0-only
"""`show`: the text of what is played is what is played, and can be started from."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from checks.mutate.played import role
from checks.render.listing import text_lines
from checks.stage.stage import Role
from model.lang.frontend.source import Context, text_of, whole
from model.lang.objects import World
from model.patches.uffd_move_batching import FAMILY

from ...command import run, write_late_flush

ROOT = Path(__file__).parents[3]
PATCH = FAMILY.name
SCENE = ("--arch", "x86_64", "--scenario", "move+zap_dst/2p/ptl=different/init=all_at_src")
REPLAY = re.compile(r"replay    check-invariants replay '([^']+)'")


def edited_functions(role: Role) -> list[tuple[str, list[str], ast.FunctionDef]]:
    """The name, the text and the tree of each function that a role edits."""
    ctx = Context(World(), edits=dict(role.edits))
    kernel = role.variant.neighbours_from
    others = [n.routine(kernel) for n in FAMILY.casts.beside if n.since and n.exists_in(kernel)]
    routines = [*role.variant.routines.values(), *(fn for fn in others if fn is not None)]
    names = {name for name, _ in role.edits} | {*role.variant.edited_names}
    found = []
    for name, functions in role.variant.called_by(routines).items():
        for fn in functions if name in names else ():
            tree = ctx.tree(fn)[1]
            found.append((name, [line for _, line in text_lines(fn, tree)], whole(tree)))
    return found


PLAYED = [role(FAMILY, mutant) for mutant in FAMILY.mutants]
PLAYED += [Role(FAMILY.variant(name)) for name in ("v1", "v2")]


@pytest.mark.parametrize("role", PLAYED, ids=lambda r: r.mutant or r.variant.name)
def test_the_text_that_is_shown_is_the_one_that_is_played(role: Role) -> None:
    shown = edited_functions(role)
    assert shown
    for name, lines, tree in shown:
        (found,) = ast.parse("\n".join(lines)).body
        assert ast.dump(found) == ast.dump(tree), name


def test_what_is_not_edited_is_shown_as_it_stands() -> None:
    """Comments and all, with its numbers."""
    shown = run("show", PATCH, "--variant", "merged", "--format", "text").stdout
    text = (ROOT / "model/patches/uffd_move_batching/merged.py").read_text().splitlines()
    rows = re.findall(r"(?m)^ *(\d+)  ?(.*)$", shown.partition("merged.py\n")[2])
    assert len(rows) > 200
    for number, line in rows:
        assert text[int(number) - 1].strip() == line.strip()


def test_an_edited_version_is_shown_as_text_with_the_lines_of_its_steps() -> None:
    text = run("show", PATCH, "--variant", "v2").stdout
    assert "  if not PageAnonExclusive(folio) or folio_test_large(folio):\n" in text
    assert "folio_anon_vma" not in text.partition("check_ptes_for_batched_move()")[2]
    numbers = set()
    for first, last in re.findall(r"(?m)^ *(\d+)(?:-(\d+))?  ", text.partition("v3.py")[2]):
        numbers |= set(range(int(first), int(last or first) + 1))
    steps = run("show", PATCH, "--variant", "v2", "--format", "steps").stdout
    part = "".join(re.findall(r"(?s)\(\)  \S*v3\.py[^\n]*\n(.*?)(?=\n\w|\Z)", steps))
    taken = {int(n) for n in re.findall(r"(?m)^ +(\d+) ", part)}
    assert taken
    assert taken <= numbers


@pytest.mark.parametrize(
    ("arguments", "gone", "come"),
    [
        (("--variant", "v2", "--against", "v3"), "        or folio_anon_vma(folio) != src_anon_vma",
         "    if not PageAnonExclusive(folio) or folio_test_large(folio):"),
        (("--mutant", "no flush", "--against", "merged"),
         "        flush_tlb_range(src_vma, src_start, src_addr)", "        pass"),
    ],
)  # fmt: skip
def test_two_versions_as_a_diff(arguments: tuple[str, ...], gone: str, come: str) -> None:
    ran = run("show", PATCH, *arguments)
    lines = ran.stdout.splitlines()
    assert ran.exit_code == 0
    assert f"-{gone}" in lines
    assert f"+{come}" in lines


def test_what_a_mutant_edits_in_a_neighbour_is_shown() -> None:
    mutant = next(m for m in FAMILY.mutants if m.edits[0][0] == "gup_fast_pte_range")
    ran = run("show", PATCH, "--mutant", mutant.name, "--against", "merged")
    titles = [line for line in ran.stdout.splitlines() if line[:4] in ("--- ", "+++ ")]
    files = [title.partition("\t")[2].partition(":")[0] for title in titles]
    assert files == ["model/kernel/gup.py"] * 2


def test_a_version_against_itself_is_no_diff() -> None:
    ran = run("show", PATCH, "--variant", "v3", "--against", "v3")
    assert (ran.exit_code, ran.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--against", "v9"), "has no variant 'v9'"),
        (("--against", "v3", "--format", "steps"), "--against does not go with this --format"),
        (("--mutant", "no flush", "--format", "python"), "--mutant does not go with this --format"),
        (("--mutant", "no such"), "no mutant 'no such'"),
    ],
)
def test_what_cannot_be_shown_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    ran = run("show", PATCH, *arguments)
    assert (ran.exit_code, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert said in ran.stderr


def test_a_file_to_start_from_has_the_edits(tmp_path: Path) -> None:
    """The copy of v2 is decided as v2 is, with every function of its file written out."""
    path = tmp_path / "my_v2.py"
    path.write_text(run("show", PATCH, "--variant", "v2", "--format", "python").stdout)
    same = run("show", str(path), "--against", "v2")
    assert (same.exit_code, same.stdout) == (0, "")
    assert run("show", str(path), "--format", "python").stdout == path.read_text()
    ran = run(str(path), *SCENE, "--invariant", "tlb")
    rows = [line.split()[1:] for line in ran.stdout.splitlines() if line.startswith("  no_")]
    assert rows
    assert all(before == after for before, after in rows)


def example(folder: Path) -> Path:
    """The file of docs/families.md, as a reader would save it."""
    page = (ROOT / "docs" / "families.md").read_text()
    block = re.search(r"<!-- edited -->\n```python\n(.*?)```", page, re.DOTALL)
    assert block is not None
    path = folder / "my_v4.py"
    path.write_text(block[1])
    return path


def test_the_edited_file_of_the_docs_is_the_one_that_is_written_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = (*SCENE, "--invariant", "no_translation_to_a_free_page")
    said = run(str(example(tmp_path)), *asked)
    written = run(str(write_late_flush(tmp_path)), *asked)
    assert (said.exit_code, written.exit_code) == (1, 1)
    (ours,), (theirs,) = REPLAY.findall(said.stdout), REPLAY.findall(written.stdout)
    assert ours.partition("@")[2] == theirs.partition("@")[2]
    edited = "my_v4.py my_v4 (edited: move_present_ptes), kernel 6.17"
    assert edited in " ".join(said.stdout.split())
    example(tmp_path)
    again = run("replay", ours)
    assert again.exit_code == 1
    assert "VIOLATED  no_translation_to_a_free_page" in again.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("flush_tlb_range", "flush_tlb_rage", "v3.py:63:0: my_v4: move_present_ptes, line 63: no "
         "call of flush_tlb_rage"),
        ('in_="move_present_ptes"', 'in_="move_present_pts"', "my_v4 edits move_present_pts: "),
    ],
)  # fmt: skip
def test_an_edit_of_a_file_that_finds_nothing(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = example(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    ran = run(str(path), *SCENE)
    assert (ran.exit_code, ran.stdout, len(ran.stderr.splitlines())) == (2, "", 1)
    assert said in ran.stderr


def test_every_command_takes_an_edited_file(tmp_path: Path) -> None:
    path = str(example(tmp_path))
    alone = ("--scenario", "move/1p/ptl=different/init=all_at_src")
    for command, code, said in (
        (("explain", path), 0, "variant   v2: as posted 2025-08-05"),
        (("necessity", path, *alone, "--step", "no flush_tlb_range*"), 0, "move_present_ptes"),
        (("locks", path, *alone), 0, "seen in 1 scenario"),
        (("ordering", path, *alone), 0, ""),
        (("export", path, *alone), 0, "/* move/1p"),
        (("check", path, *alone, "--mutant", "no flush", "--arch", "x86_64"), 1, "MUTANT"),
    ):  # fmt: skip
        ran = run(*command)
        assert said in ran.stdout, (command, ran.stderr)
        assert ran.exit_code == code, command


def test_text_of_is_the_edited_one() -> None:
    (fn,) = FAMILY.variant("v2").called_by(FAMILY.variant("v2").routines.values())[
        "check_ptes_for_batched_move"
    ]
    assert "folio_anon_vma" not in ast.unparse(text_of(fn)[1])
    assert fn.of is not None
    assert "folio_anon_vma" in ast.unparse(text_of(fn.of)[1])
