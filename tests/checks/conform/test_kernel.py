# SPDX-License-Identifier: GPL-2.0-only
"""The running kernel: what it can, and whether it does what Linux 6.18 was seen to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from checks.conform.kernel.actor import base_of
from checks.conform.kernel.bounded import run_bounded
from checks.conform.kernel.calls import Bytes
from checks.conform.kernel.hugetlb import pmd_sharing
from checks.conform.kernel.machine import Kernel
from checks.conform.kernel.probes import Probed, behaviour_of
from checks.conform.script import script
from model.reference.programs.observation import Capability, Kind
from model.reference.programs.program import parse_op
from tests.bench.conform_mutants import hunt

from .conftest import BORROWS, WANTED
from .facts import FACTS, Fact
from .mutants import KERNEL_MUTANTS

pytestmark = [
    pytest.mark.skipif(not WANTED, reason="CHECK_INVARIANTS_KERNEL is not set"),
    pytest.mark.usefixtures("alone"),
]


def _run(text: str) -> str:
    def work() -> Iterator[str]:
        asked = script(text)
        kernel = Kernel(frozenset(Capability))
        kernel.begin(asked.program.arena)
        yield asked.run(kernel)

    found, ended = run_bounded(work, 30)
    return found[0] if found else str(ended)


def test_the_basic_set_is_there(probed: tuple[Probed, ...]) -> None:
    """Without it all of this would be skipped, and nobody would notice."""
    assert [p for p in probed if p.basic and p.why] == []
    print(*(f"{p.name}: {p.why}" for p in probed if p.why), sep="\n")  # noqa: T201 - with -rA


@pytest.mark.parametrize("fact", FACTS, ids=lambda f: f.name)
def test_a_fact(fact: Fact, probed: tuple[Probed, ...]) -> None:
    for probe in probed:
        if probe.capability in fact.needs and probe.why:
            pytest.skip(f"{probe.name}: {probe.why}")
    if Capability.HUGETLB in fact.needs and not BORROWS:
        pytest.skip("huge pages may not be reserved")
    assert _run(fact.text) == ""


def test_a_wrong_fact_fails() -> None:
    right = next(f for f in FACTS if f.name == "MOVE: 1 page")
    wrong = replace(right, text=right.text.replace("OK (4096)", "OK (8192)"))
    assert _run(wrong.text) == "'p0 move 0+1 -> 8': the field is 4096, not 8192"


def test_base_pages_of_a_page_that_differ_are_noticed() -> None:
    def work() -> Iterator[tuple[Kind, str]]:
        asked = script("arena 16 huge 8\n p0 mmap 0+8 rw anon")
        kernel = Kernel(frozenset(Capability))
        kernel.begin(asked.program.arena)
        asked.run(kernel)
        Bytes().store(base_of(asked.program.arena), 7)
        page = kernel.observe().pages[0][0]
        assert page is not None
        yield page.kind, kernel.run(parse_op("p0 read 0")).errno

    found, _ = run_bounded(work, 30)
    assert found == [(Kind.FILE, "EIO")]


@pytest.mark.skipif(not BORROWS, reason="huge pages may not be reserved")
def test_two_processes_share_a_pmd_table(probed: tuple[Probed, ...]) -> None:
    assert not [p for p in probed if p.name == "hugetlb" and p.why]
    shared, apart = pmd_sharing(0), pmd_sharing(1)
    assert shared.as_observed, shared
    assert apart.as_observed, apart
    assert not replace(apart, shift=0).as_observed


_QUICK = (
    "exclusive is map count 1", "fork leaves pages exclusive", "any page is reused",
    "no page is reused", "a partial move says one page less", "the move forgets ALLOW_SRC_HOLES",
    "DONTUNMAP unmaps", "MADV_DONTNEED keeps the data", "pins are not looked at",
    "no flush after a gather", "no unshare on mprotect",
)  # fmt: skip


@pytest.mark.parametrize("name", _QUICK)
def test_the_kernel_contradicts(name: str, probed: tuple[Probed, ...]) -> None:
    mutant = next(m for m in KERNEL_MUTANTS if m.name == name)
    can = frozenset(p.capability for p in probed if p.capability and not p.why)
    if not mutant.needs <= can:
        pytest.skip(f"needs {mutant.needs - can}")
    caught = hunt(mutant, 300, (1,), can, behaviour_of(probed))
    assert caught.median is not None
    assert not caught.trivial
