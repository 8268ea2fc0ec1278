# SPDX-License-Identifier: GPL-2.0-only
"""A file of one's own with a family in it, through every command that takes PATCH."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.model.hw import forked

from ...command import run

FILE = str(forked.__file__)
CAST = "unmap+gup_fast/1p/init=mapped"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("check", FILE, "--arch", "arm64"), 0, "no_translation_to_a_free_page         HOLDS"),
        (("check", FILE, "--variant", "child_twice", "--arch", "arm64"), 1, "TLB3 parent+0 => F0"),
        (("explain", FILE), 0, "variant   child_twice"),
        (("list", "scenarios", FILE), 0, f"{CAST}\n"),
        (("list", "variants", FILE), 0, "forked right  right\n"),
        (("locks", FILE), 0, "seen in 3 scenarios"),
        (("ordering", FILE), 0, "unmap+gup_fast_child@s390"),
        (("necessity", FILE), 0, "no flush_tlb_page(flushed, flushed.start)      needed by"),
        (("show", FILE), 0, "unmap_from_both: 95 locations"),
        (("export", FILE, "--scenario", CAST), 0, f"/* {CAST}: 2 threads"),
        (("prove", FILE), 0, "PROVED     core any-N: no_stale_tlb_use"),
        (("prove", FILE, "--variant", "child_twice"), 1, "FAILED     no_stale_tlb_use"),
    ],
    ids=lambda a: a[0] if isinstance(a, tuple) else "",
)  # fmt: skip
def test_every_command(arguments: tuple[str, ...], code: int, said: str) -> None:
    ran = run(*arguments)
    assert said in ran.stdout + ran.stderr
    assert ran.exit_code == code


def test_its_trace_is_carried_out_again() -> None:
    ran = run("check", FILE, "--variant", "child_twice", "--arch", "x86_64")
    schedule = ran.stdout.partition("check-invariants replay '")[2].partition("'")[0]
    again = run("replay", schedule)
    assert again.exit_code == 1
    assert "VIOLATED" in again.stdout


def test_what_is_no_patch_is_one_line() -> None:
    for command in ("locks", "ordering", "necessity", "show", "export", "prove", "explain"):
        ran = run(command, "./no_such_file.py")
        assert (ran.exit_code, ran.stdout) == (2, ""), command
        assert len(ran.stderr.splitlines()) == 1


OWN = '''
from beside import AT_FIRST

from invariants.registry import at_step
from model.cast.casts import Initial
from model.cast.neighbour import Neighbour
from model.cast.parts import Setup
from model.hw.objects import Addr, Thread
from model.cast.view import View
from model.kernel.anon import zap
from model.kernel.folio import folio_put, folio_remove_rmap_pte, vm_normal_folio
from model.kernel.objects import Folio, Vma
from model.kernel.pgtable import NONE, pte_none, pte_offset_map_lock, pte_present, pte_unmap_unlock
from model.kernel.pgtable import ptep_get, ptep_get_and_clear, set_pte_at
from model.kernel.rmap import pmd_of
from model.kernel.swap import is_swap_entry, swap_free
from model.lang import kernel
from model.patches.own_variant import variant_of


@kernel("mm/memory.c:zap_pte_range", "without recording the entry")
def zap_pte(vma: Vma, addr: Addr) -> Folio | None:
    """As the stored one, but nothing is recorded for the flush."""
    pte = pte_offset_map_lock(pmd_of(vma), addr)
    if pte is None:
        return None
    folio: Folio | None = None
    ptent = ptep_get(pte)
    if pte_present(ptent):
        ptent = ptep_get_and_clear(vma.mm, addr, pte)
        folio = vm_normal_folio(ptent)
        if folio is not None:
            folio_remove_rmap_pte(folio)
    elif not pte_none(ptent):
        if is_swap_entry(ptent):
            swap_free(ptent.entry)
        set_pte_at(vma.mm, addr, pte, NONE)
    pte_unmap_unlock(pte)
    return folio


@kernel("mm/x.c:look", "7.3.4")
def look(vma: Vma) -> None:
    pte = pte_offset_map_lock(pmd_of(vma), vma.start)
    if pte is not None:
        ptep_get(pte)
        pte_unmap_unlock(pte)


@at_step("set_pte_at", "no entry is set twice", relied_on="nobody", mutants=())
def an_entry_is_not_set_twice(s: View, thread: Thread, addr: Addr) -> bool:
    return not thread.placed[addr]


def _set_up(s: Setup) -> None:
    s.pte("src", AT_FIRST).val = NONE
    folio = s.folio(AT_FIRST)
    folio.refcount = folio.mapcount = 0
    folio.free, folio.lru, folio.anon_exclusive, folio.mapping = True, False, False, None


NEIGHBOURS = (Neighbour("look", "somebody looks", {"6.12": look}, role="src"),)
INITIAL = (Initial("first_gone", "the first page is not there", _set_up),)
VARIANT = variant_of("uffd_move_batching", "merged", __name__, replaces=(zap.zap_pte,))
'''
PLAIN = "move+zap_dst/1p/ptl=different/init=all_at_src"


@pytest.fixture
def own(tmp_path: Path) -> str:
    (tmp_path / "beside.py").write_text("AT_FIRST = 0\n")
    (tmp_path / "my_zap.py").write_text(OWN)
    return str(tmp_path / "my_zap.py")


def test_a_replaced_function_of_the_kernel_runs_in_neighbours(own: str) -> None:
    ran = run("check", own, "--arch", "arm64", "--scenario", PLAIN)
    assert ran.exit_code == 1
    assert "flushed_before_ptl_is_released" in ran.stdout
    schedule = ran.stdout.partition("check-invariants replay '")[2].partition("'")[0]
    assert run("replay", schedule).exit_code == 1


def test_its_neighbour_and_its_initial_state(own: str) -> None:
    scene = "move+look/2p/ptl=different/init=first_gone"
    ran = run("check", own, "--arch", "x86_64", "--scenario", scene, "--format", "json")
    (patch,) = json.loads(ran.stdout)["patches"]
    assert {r["states"] > 0 for r in patch["results"] if r["group"] == "tlb"} == {True}
    assert scene in run("list", "scenarios", own).stdout
    assert "neighbour look: somebody looks" in run("explain", own).stdout


def test_its_invariant(own: str) -> None:
    ran = run("check", own, "--arch", "x86_64", "--scenario", PLAIN, "--invariant",
              "an_entry_is_not_set_twice")  # fmt: skip
    assert (ran.exit_code, "HOLDS" in ran.stdout) == (0, True)
    assert run("explain", "an_entry_is_not_set_twice").exit_code == 2  # it is the file's alone


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('Neighbour("look"', 'Neighbour("user"', "there is a neighbour 'user' already"),
        ('Initial("first_gone"', 'Initial("hole"', "there is a initial state 'hole' already"),
        ("def an_entry_is_not_set_twice", "def no_deadlock", "an invariant 'no_deadlock' already"),
        ("replaces=(zap.zap_pte,)", "replaces=(zap.zap_table,)", "has no function 'zap_table'"),
        ("def look", "def unused", "'look'"),
    ],
)
def test_what_does_not_fit_is_refused(own: str, old: str, new: str, said: str) -> None:
    path = Path(own)
    path.write_text(path.read_text().replace(old, new))
    ran = run("check", own, "--arch", "x86_64", "--scenario", PLAIN)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('home="parent"', 'home="mm"', "no process 'mm'"),
        ('processes={"child": "child"}', "processes={}", "the role 'child' is in child"),
        ("for mm in (parent, child)}", "for mm in (parent,)}", "about a user CPU of child"),
    ],
)
def test_a_world_that_is_not_what_its_blueprint_says(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = Path(FILE).read_text()
    text = text.replace("neighbours=(", 'neighbours=(USER.at("child", "child_user"), ')
    text = text.replace("import GUP_FAST", "import GUP_FAST, USER")
    assert text.count(old) == 1
    (tmp_path / "wrong_world.py").write_text(text.replace(old, new))
    ran = run("check", str(tmp_path / "wrong_world.py"), "--arch", "x86_64")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert said in ran.stderr


def test_an_architecture_that_a_family_has_not(tmp_path: Path) -> None:
    text = Path(FILE).read_text().replace('name="forked",', 'name="forked", without={"s390": "W"},')
    (tmp_path / "no_s390.py").write_text(text)
    path = str(tmp_path / "no_s390.py")
    ran = run(path, "--invariant", "tlb")
    assert "archs     x86_64, x86_64-invlpgb, arm64\n          not s390: W\n" in ran.stdout
    ran = run(path, "--arch", "s390")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "forked is not decided on s390: W" in ran.stderr
    assert run("matrix", path, "--arch", "s390,arm64", "--invariant", "tlb").exit_code == 1
