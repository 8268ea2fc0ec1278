# SPDX-License-Identifier: GPL-2.0-only
"""Theories are found by what a version calls, whatever it is called itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from checks.engine.search import Limits
from checks.prove import theorems
from checks.prove.theorems import prove_patch, theories_of
from checks.target.target import by_name
from model.lang.edits import drop
from model.patches.edited import edited
from model.patches.family import Family
from model.patches.uffd_move_batching import FAMILY

from ...command import run

EXAMPLE = Path(__file__).parents[3] / "docs" / "example_family.py"
SAID = (
    "UNKNOWN no theory is about a function that unmap_one one calls; theories are about: "
    "ptep_get_and_clear, ptep_set_wrprotect (flush); pmd_clear (tables); spin_lock, "
    "spin_lock_nested, folio_lock, anon_vma_lock_write (order); folio_move_anon_rmap, "
    "set_folio_index (rmap)"
)
QUIET = """
@kernel("mm/memory.c:zap_pte_range", "nothing")
def unmap_page(vma: Vma) -> int:
    return 0
"""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first scenario of each theory."""
    kept = tuple(replace(t, scenarios=t.scenarios[:1]) for t in theorems.THEORIES)
    monkeypatch.setattr(theorems, "THEORIES", kept)


def of_cores(text: str) -> list[str]:
    """The lines that say what became of each theorem, and of what it was held against."""
    return re.findall(r"(?m)^(?:PROVED|FAILED|UNKNOWN|agrees|vacuous|DIFFERS|LACKS) .*", text)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("version", ["v2", "folio_lock_only"])
def test_a_copy_of_a_version_gets_its_theorems(tmp_path: Path, version: str) -> None:
    path = tmp_path / f"my_{version}.py"
    path.write_text(run("show", FAMILY.name, "--variant", version, "--format", "python").stdout)
    stored = run("prove", FAMILY.name, "--variant", version)
    own = run("prove", str(path))
    assert of_cores(own.stdout) == of_cores(stored.stdout)
    assert own.exit_code == stored.exit_code
    assert own.stdout.count("core any-N") >= 2


@pytest.mark.usefixtures("few")
def test_a_family_of_another_name_has_the_same_theorems() -> None:
    role = by_name(FAMILY.name, "folio_lock_only").selected.role

    def found(family: Family) -> list[tuple[str, str, list[str]]]:
        proofs = prove_patch(family, role, "x86_64", Limits())
        return [(p.core.name, p.verdict, [c.scenario for c in p.compared]) for p in proofs]

    other = found(replace(FAMILY, name="other"))
    assert other == found(FAMILY)
    assert [name for name, _, _ in other] == ["flush", "order", "rmap"]


def test_a_family_of_ones_own_gets_those_about_what_it_calls() -> None:
    """Its own casts are compared: every state alone, each neighbour, none of MOVE's names."""
    ran = run("prove", str(EXAMPLE))
    assert ran.exit_code == 0
    assert re.findall(r"core any-N: (\w+)", ran.stdout) == ["no_stale_tlb_use", "no_deadlock"]
    assert re.findall(r"(?m)^agrees +(\S+):", ran.stdout) == [
        "unmap/1p/init=mapped", "unmap/1p/init=read_only", "unmap+user/1p/init=mapped",
        "unmap+gup_fast/1p/init=mapped",
    ] * 2  # fmt: skip


@pytest.mark.parametrize("mutant", ["no flush", "late flush"])
def test_its_mutants_fail_what_they_touch(mutant: str) -> None:
    """That a version does not do what it should is no reason to say nothing of it."""
    ran = run("prove", str(EXAMPLE), "--mutant", mutant)
    assert ran.exit_code == 1
    assert "FAILED     no_stale_tlb_use" in ran.stdout
    assert "FAILED  release keeps owed_under_the_lock" in ran.stdout
    assert "PROVED     core any-N: no_deadlock" in ran.stdout


def test_a_version_that_calls_none_is_told_so(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    begin, end = text.index('@kernel("mm/'), text.index("def _world(")
    path = tmp_path / "quiet.py"
    path.write_text(text[:begin] + QUIET.lstrip() + "\n\n" + text[end:])
    ran = run("prove", str(path))
    assert ran.exit_code == 3
    assert SAID in " ".join(ran.stdout.split())
    assert "PROVED" not in ran.stdout


def test_an_edit_that_drops_the_calls_drops_the_theory() -> None:
    """A function of the same name that only others call is none that it calls."""
    merged = FAMILY.variant("merged")
    calls = ("folio_move_anon_rmap", "set_folio_index")
    batch = edited(merged, "batch", "the folio keeps its place",
                   *(drop(call, in_="move_present_ptes") for call in calls))  # fmt: skip
    swap = edited(batch, "swap", "in swap too",
                  *(drop(call, in_="move_swap_pte") for call in calls))  # fmt: skip
    found = {v.name: [t.core.name for t in theories_of(v)] for v in (merged, batch, swap)}
    every = ["flush", "order", "rmap"]
    assert found == {"merged": every, "batch": every, "swap": ["flush", "order"]}


def test_a_try_is_needed_only_of_who_tries() -> None:
    order = next(t for t in theorems.THEORIES if t.core.name == "order")
    assert order.needed_of(FAMILY.variant("merged")) == {"take", "try", "let_go", "end"}
