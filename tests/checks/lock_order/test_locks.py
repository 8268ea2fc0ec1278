# SPDX-License-Identifier: GPL-2.0-only
"""The lock orders that the models are seen to have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from checks.engine.search import Limits
from checks.lock_order.graph import by_kind, waiting
from checks.lock_order.orders import Asked, lock_orders
from checks.stage.stage import Role
from checks.target.selection import chosen_casts
from checks.target.target import as_mutant, by_name

from ...command import run

PATCH = "uffd_move_batching"
ALONE = "move/2p/ptl=different/init=all_at_src"
REFERENCED = "move+folio_referenced/1p/ptl=different/init=all_at_src"
RECLAIM = "move+reclaim/1p/ptl=different/init=all_at_src"
CROSSING = "move+move_back/2p/ptl=different/init=pinned"
OPPOSITE = "move+move_back/1p/ptl=different/init=all_at_src"


def asked(variant: str, scene: str, mutant: str = "") -> Asked:
    subject = by_name(PATCH, variant)
    if mutant:
        subject = as_mutant(subject, mutant)
    role: Role = subject.selected.role
    casts = chosen_casts(subject.family.casts, role.variant.neighbours_from, scene, full=False)
    return Asked(role, tuple(casts), "x86_64", Limits())


def test_the_orders_of_a_move() -> None:
    """What mm/userfaultfd.c:move_pages_ptes does, VMA locks, folio lock, anon_vma lock, PTLs."""
    found = lock_orders(asked("merged", REFERENCED)).observed
    assert list(by_kind(waiting(found.orders))) == [
        ("VMA lock", "anon_vma->root->rwsem"),
        ("VMA lock", "pte lock"),
        ("anon_vma->root->rwsem", "pte lock"),
        ("folio lock", "anon_vma->root->rwsem"),
        ("folio lock", "pte lock"),
        ("pte lock", "pte lock"),
    ]  # the old walk holds no folio lock for which MOVE would wait
    behind = lock_orders(asked("merged", RECLAIM)).observed
    assert ("VMA lock", "folio lock") in by_kind(waiting(behind.orders))
    tried = {pair for pair, o in by_kind(found.orders).items() if any(x.then.tried for x in o)}
    assert tried >= {("pte lock", "folio lock"), ("folio lock", "anon_vma->root->rwsem")}
    assert found.stopped == []


def test_the_form_without_the_anon_vma_lock() -> None:
    """6.19: the mover takes no anon_vma lock any more; the walk still does."""
    found = lock_orders(asked("folio_lock_only", REFERENCED)).observed
    movers = {o.then.lock.kind for o in found.orders if o.then.routine == "move_pages"}
    assert "anon_vma->root->rwsem" not in movers
    assert "anon_vma->root->rwsem" in {t.lock.kind for t in found.taken}


def test_locks_by_address_have_no_cycle() -> None:
    answer = lock_orders(asked("merged", OPPOSITE))
    nested = by_kind(waiting(answer.observed.orders))["pte lock", "pte lock"]
    assert {(o.first.lock.name, o.then.lock.name) for o in nested} == {("src.ptl", "dst.ptl")}
    assert answer.cycles == ()


def test_locks_in_the_order_of_arguments_have_one_that_blocks() -> None:
    """Which the explorer confirms, from a state in which the other way has something to move."""
    of = asked("merged", CROSSING, "PTLs in argument order")
    (found,) = lock_orders(of).cycles
    assert found.cycle.kinds == ("pte lock", "pte lock")
    assert [o.first.lock.name for o in found.cycle.orders] == ["dst.ptl", "src.ptl"]
    assert found.blocks is not None


def test_a_folio_lock_waited_for_under_the_ptl() -> None:
    """Against the documented order, and a cycle with who locks the folio first."""
    of = asked("merged", "move+reclaim/2p/ptl=different/init=all_at_src",
               "sleeping folio lock under the PTL")  # fmt: skip
    answer = lock_orders(of)
    assert ("pte lock", "folio lock") in by_kind(waiting(answer.observed.orders))
    assert any(set(c.cycle.kinds) == {"folio lock", "pte lock"} for c in answer.cycles)


def test_what_was_not_visited_is_said() -> None:
    of = asked("merged", ALONE)
    short = Asked(of.role, of.casts, of.arch, Limits(10))
    assert lock_orders(short).observed.stopped == [ALONE]
    assert run("locks", PATCH, "--scenario", ALONE, "--max-states", "10").exit_code == 3


def test_the_command() -> None:
    ran = run("locks", "--scenario", REFERENCED)
    assert ran.exit_code == 0
    assert "  hugetlb_fault_mutex > hugetlb vma_lock > i_mmap_rwsem > folio lock: " in ran.stdout
    assert ": uffd_lock_vma 46 (read) > " in ran.stdout
    assert ran.stdout.endswith("\nno cycle\n")
    assert max(map(len, ran.stdout.splitlines())) <= 100
    dot = run("locks", PATCH, "--scenario", ALONE, "--format", "dot").stdout
    assert dot.startswith("digraph locks {\n")
    assert '"VMA lock" -> "pte lock"' in dot


def test_without_graphviz_there_is_no_svg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    ran = run("locks", PATCH, "--scenario", ALONE, "--format", "svg")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert ran.stderr == (
        "check-invariants: --format svg: there is no dot: Graphviz draws it; --format dot\n"
    )


def test_svg_is_drawn_by_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is called dot gets the graph."""
    dot = tmp_path / "dot"
    dot.write_text('#!/bin/sh\necho "<svg $1>"; head -n 1\n')
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    ran = run("locks", PATCH, "--scenario", ALONE, "--format", "svg")
    assert ran.stdout.splitlines() == ["<svg -Tsvg>", "digraph locks {"]


def test_it_is_the_same_in_every_run() -> None:
    call = [sys.executable, "-m", "checks", "locks", PATCH, "--format", "dot",
            "--scenario", OPPOSITE, "--mutant", "PTLs in argument order"]  # fmt: skip
    said = {
        subprocess.run(
            call, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1
    assert said != {""}
