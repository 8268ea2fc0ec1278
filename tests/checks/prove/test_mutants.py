# SPDX-License-Identifier: GPL-2.0-only
"""A mutant that touches a theorem fails an obligation of it, and which; the others fail none."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from checks.engine.search import Limits
from checks.prove import theorems
from checks.prove.proof import Proof
from checks.prove.theorems import prove_patch
from checks.target.target import as_mutant, by_name
from model.patches.uffd_move_batching.mutants import MOVERS

from ...command import run

PATCH = "uffd_move_batching"
FIRST = "init=all_at_src"
ALONE, TWO = f"move/1p/ptl=different/{FIRST}", f"move/2p/ptl=different/{FIRST}"
SWAP = "move+swap_in_dst/1p/ptl=different/init=swap_cached"
COPY, SHARED = f"move+uffd_copy/1p/ptl=different/{FIRST}", "move/1p/ptl=different/init=shared"
WALK = f"move+folio_referenced/2p/ptl=different/{FIRST}"
LATE = ("flush", ALONE, {"flushed_first"}, {("release", "owed_under_the_lock")})
WAIT = {("wait", "waits_upwards")}
HOME = {("map", "mapped_at_home")}
MOVED = {("move", "mapped_at_home")}

TOUCHED = {
    "no flush": LATE,
    "no flush, and the page is freed": LATE,
    "flush one page short": LATE,
    "flush after the PTLs": LATE,
    "flush after the PTLs, and the page is freed": LATE,
    "no re-check after the locks": ("flush", COPY, *LATE[2:]),
    "no PTL of the destination": (
        "flush", ALONE, {"under_the_lock"}, {("change", "owed_under_the_lock")},
    ),
    "PTLs in argument order": ("order", ALONE, {"upwards"}, WAIT),
    "sleeping folio lock under the PTL": ("order", ALONE, {"upwards"}, WAIT),
    "anon_vma lock under the PTL": ("order", ALONE, {"upwards"}, WAIT),
    "folio lock left held": (
        "order", ALONE, {"all_let_go"}, {("end", "ended_with_nothing")},
    ),
    "no folio trylock for the next page": (
        "rmap", WALK, {"folio_is_locked", "owner_unlocks", "walked_folio_is_locked"},
        {(what, "home_stays_while_walked") for what in ("move", "unlock", "walk")},
    ),
    "mapping not updated": ("rmap", ALONE, {"at_home"}, HOME),
    "index not updated": ("rmap", ALONE, {"at_home"}, HOME),
    "index not updated in swap": ("rmap", SWAP, {"at_home"}, HOME),
    "swap cache not looked at": ("rmap", SWAP, {"at_home"}, HOME),
    "PageAnonExclusive not looked at": ("rmap", SHARED, {"folio_is_unmapped"}, MOVED),
    "one reference too few": (
        "rmap", ALONE, {"folio_is_unmapped"}, MOVED,
    ),
}  # fmt: skip
"""By mutant: the core, a scenario that shows it, what the model lacks, and what fails."""

UNTOUCHED = {
    "second PTL not taken as a nested one": "the same locks: only lockdep sees a difference",
    "no anon_vma lock beside an unlocked walk": "6.18, whose walks hold no folio lock: the theorem "
    "about rmap is one of 6.19",
    "source VMA locked as the destination": "no core knows of mmap_lock and VMA locks",
    "mmap_lock taken twice": "no core knows of mmap_lock and VMA locks",
    "mmap_lock not taken where a try failed": "no core knows of mmap_lock and VMA locks",
    "pin check before the PTE is cleared": "no core knows of pins",
    "no pin check": "no core knows of pins",
    "entry not looked at before use": "a NULL pointer is followed: no step that a core knows of",
    "folio unlocked after the PTLs, without a reference": "no core knows of references: that a "
    "folio is not freed is assumed",
    "one reference too many": "no core knows of references",
    "anon_vma not put": "no core knows of references",
    "dirty bit of the value read before": "a core asks what is flushed, and not what is kept",
    "a large folio joins the batch": "no core knows how large a folio is",
    "soft-dirty not set": "no core knows of soft-dirty",
    "soft-dirty lost in swap": "no core knows of soft-dirty",
    "swap cache not looked at again": "the one before says what is lacking; this shows it beside "
    "three neighbours alone, with more states than are held against a core here",
    "zero page stays at the source": "a core asks what is flushed, and nothing is taken away",
    "zero page without a page": "no core knows what an entry is made of",
    "page-table locks taken with interrupts off": "no core knows of interrupts",
    "PTL of the destination dropped twice": "the second time nobody has it, in these scenarios",
    "anon_vma not locked, but unlocked": "6.18; and who unlocks what nobody has changes nothing",
    "dst pmd not looked at again": "no core knows of tables",
    "page table left mapped": "no core knows of read sections of RCU",
    "pages of a batch not reported": "no core knows what is returned",
}
"""By mutant: why it touches no theorem."""

CORES = ("flush", "order", "rmap")

OF_6_18 = {"anon_vma lock under the PTL", "no anon_vma lock beside an unlocked walk",
           "anon_vma not locked, but unlocked", "anon_vma not put"}  # fmt: skip
"""What 6.19 has no code for."""


def proofs_of(mutant: str, core: str, scenario: str, monkeypatch: pytest.MonkeyPatch) -> Proof:
    (theory,) = (t for t in theorems.THEORIES if t.core.name == core)
    chosen = (replace(theory, scenarios=(scenario,)),)
    monkeypatch.setattr(theorems, "THEORIES", chosen)
    monkeypatch.setattr(theorems, "_ask_patch", lambda *_: (None, 0))  # it takes longest
    subject = by_name(PATCH, "merged" if mutant in OF_6_18 else "folio_lock_only")
    role = (as_mutant(subject, mutant) if mutant else subject).selected.role
    (proof,) = prove_patch(subject.family, role, "x86_64", Limits())
    return proof


def test_every_mutant_is_in_one_table() -> None:
    assert sorted([*TOUCHED, *UNTOUCHED]) == sorted(m.name for m in MOVERS)


@pytest.mark.slow
@pytest.mark.parametrize("mutant", TOUCHED)
def test_a_mutant_fails_what_it_touches(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    core, scenario, lacks, fails = TOUCHED[mutant]
    proof = proofs_of(mutant, core, scenario, monkeypatch)
    assert proof.verdict == "FAILED"
    assert proof.lacking == lacks
    assert {(o.obligation.what, o.obligation.clause) for o in proof.failed} == fails
    assert all(proof.reached(failed) is not None for failed in proof.failed)
    assert all(c.disagreement is None for c in proof.compared)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("core", "scenario"), sorted({(core, scenario) for core, scenario, _, _ in TOUCHED.values()})
)
def test_without_a_mutant_nothing_fails(
    core: str, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = proofs_of("", core, scenario, monkeypatch)
    assert proof.failed == []
    assert proof.lacking == frozenset()
    assert all(c.disagreement is None for c in proof.compared)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "core"), list(zip(UNTOUCHED, itertools.cycle(CORES), strict=False))
)
def test_the_others_lack_nothing(mutant: str, core: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of one core, in turn."""
    proof = proofs_of(mutant, core, TWO if core == "flush" else ALONE, monkeypatch)
    assert (proof.failed, proof.lacking) == ([], frozenset())
    assert all(c.disagreement is None for c in proof.compared)


def test_the_command_shows_the_step_and_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [replace(t, scenarios=(ALONE,)) for t in theorems.THEORIES if t.core.name == "flush"]
    monkeypatch.setattr(theorems, "THEORIES", tuple(kept))
    ran = run("prove", PATCH, "--variant", "folio_lock_only", "--mutant", "no flush")
    assert ran.exit_code == 1
    lines = ran.stdout.splitlines()
    assert (
        "LACKS      flushed_first: not so that nothing is owed under a lock that is let go of, but "
        "what is on" in lines
    )
    assert "           FAILED  release keeps owed_under_the_lock" in lines
    assert "           reached in the model: before the step above" in lines
    assert max(map(len, lines)) <= 100
    _, _, after = (
        (Path(__file__).parents[3] / "docs" / "answers.md")
        .read_text()
        .partition("<!-- proof: no flush -->\n```\n")
    )
    told = [line for line in after.partition("\n```")[0].splitlines() if line.strip() != "..."]
    printed = iter(lines)
    assert told
    assert all(line in printed for line in told), (
        "docs/answers.md has something else, or another order"
    )
    at = lines.index("trace      flushed_before_ptl_is_released is VIOLATED:") + 1
    words = " ".join(lines[at : at + 3]).replace("\\", "").replace("'", "")
    arguments = words.partition("check-invariants ")[2].split()
    at = arguments.index("--mutant") + 1
    shown = run(*arguments[:at], " ".join(arguments[at : at + 2]), *arguments[at + 2 :])
    assert shown.exit_code == 1
    assert "VIOLATED  flushed_before_ptl_is_released " in shown.stdout
