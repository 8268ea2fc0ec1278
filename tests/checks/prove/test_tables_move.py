# SPDX-License-Identifier: GPL-2.0-only
"""mremap of whole tables: what is proved of each version, and which obligation its mutants fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.engine.search import Limits
from checks.prove import theorems
from checks.prove.theorems import prove_patch
from checks.target.target import as_mutant, by_name

PATCH = "mremap_move_pmd"
IN = "1p/locks=split/init"
SCENARIOS = (
    f"mremap/{IN}=all_at_old", f"mremap_part/{IN}=clean", f"mremap+migrate/{IN}=all_at_old",
    f"mremap+mremap_other/{IN}=all_at_old",
)  # fmt: skip

LATE = {"release keeps reached_in_its_place"}
UNDISTURBED = {"take keeps worked_on_where_it_is", "unlink keeps worked_on_where_it_is"}
ENTRY = {"release keeps owed_under_the_lock"}

VERSIONS: dict[str, tuple[set[str], set[str], set[str]]] = {
    "by_entry": (ENTRY, set(), set()),
    "v2": (ENTRY, LATE | UNDISTURBED, set()),
    "flushed": (set(), set(), set()),
    "merged": (set(), UNDISTURBED, set()),
    "rmap_locked": (set(), set(), set()),
    "rechecked": (set(), set(), set()),
}
"""By version: what fails of the cores flush, tables and order."""

MUTANTS: dict[str, tuple[str, set[str]]] = {
    "table moved without a flush": ("tables", LATE),
    "table flushed after its lock": ("tables", LATE),
    "table left at the old place": ("tables", {"link keeps one_place"}),
    "rmap locks not taken for a table": ("tables", UNDISTURBED),
    "entries moved without a flush": ("flush", ENTRY),
    "rmap locks kept": ("order", {"end keeps ended_with_nothing"}),
    "PMD lock kept": ("order", {"end keeps ended_with_nothing"}),
    "no mmap_lock": ("order", {"wait keeps waits_upwards"}),
}
"""By mutant: the core, and what fails of it."""


def failed(variant: str, mutant: str, cores: tuple[str, ...]) -> dict[str, set[str]]:
    """Obligations that fail, by core; of those about a function that the version calls."""
    subject = by_name(PATCH, variant)
    role = (as_mutant(subject, mutant) if mutant else subject).selected.role
    kept = tuple(replace(t, scenarios=SCENARIOS) for t in theorems.THEORIES if t.core.name in cores)
    found = {}
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(theorems, "THEORIES", kept)
        patching.setattr(theorems, "_ask_patch", lambda *_: (None, 0))  # it takes longest
        for proof in prove_patch(subject.family, role, "x86_64", Limits()):
            here = {f"{o.obligation.what} keeps {o.obligation.clause}" for o in proof.failed}
            assert proof.verdict == "FAILED" or not here
            found[proof.core.name] = here
    return found


@pytest.mark.slow
@pytest.mark.parametrize("variant", VERSIONS)
def test_a_version(variant: str) -> None:
    wanted = dict(zip(("flush", "tables", "order"), VERSIONS[variant], strict=True))
    found = failed(variant, "", ("flush", "tables", "order"))
    assert found == {core: wanted[core] for core in found}
    moves = variant not in ("by_entry", "flushed")
    assert ("tables" in found) is moves


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant(mutant: str) -> None:
    core, fails = MUTANTS[mutant]
    assert failed("rechecked", mutant, (core,)) == {core: fails}
