# SPDX-License-Identifier: GPL-2.0-only
"""A variant is decided as it is: whatever was compiled for another one before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from checks.engine.search import Limits
from checks.play.play import Play, Theatre
from checks.stage import stage
from checks.stage.stage import Role
from invariants import REGISTRY
from model.cast.casts import Cast
from model.cast.view import View
from model.hw.arch import arch
from model.hw.objects import Addr
from model.hw.objects import Thread as Task
from model.kernel import gup
from model.kernel.folio import folio_ref_add_pin, folio_try_get, pinned, vm_normal_folio
from model.kernel.mmap_lock import pages_of
from model.kernel.objects import Vma
from model.kernel.pgtable import pmdp_get_lockless
from model.kernel.rmap import pmd_of
from model.lang import expr as ex
from model.lang import kernel, pure, static
from model.lang.declare import ModelFunction
from model.lang.edits import answer
from model.lang.expr import Expr
from model.lang.frontend.source import Context
from model.lang.ir import Thread
from model.lang.traits import Trait
from model.patches.family import Variant
from tests.families import MOVE

from ...command import run, write_late_flush

BESIDE_GUP = "move+gup_fast/1p/ptl=different/init=all_at_src"
BROKEN = "a_pinned_page_is_not_moved"
Function = ModelFunction[..., Any]


@kernel("mm/gup.c:gup_fast_pte_range", "7.3.4")
def gup_fast_that_never_looks_again(vma: Vma, addr: Addr, write: bool) -> None:
    table = pmdp_get_lockless(pmd_of(vma))
    if table is None:
        return
    pte = gup.gup_read_pte(table.slots[addr])
    if not gup.pte_access_permitted(pte, write):
        return
    folio = vm_normal_folio(pte)
    if folio is None or not folio_try_get(folio):
        return
    folio_ref_add_pin(folio)
    pinned(vma.mm, folio, addr)


@static
def first_page(vma: Vma) -> tuple[Addr, ...]:
    return (vma.start,)


def merged(swap: Mapping[Function, Function]) -> Variant:
    """A variant that has the name of the stored one."""
    return replace(MOVE.variant("merged"), swap=swap)


def cast(name: str) -> Cast:
    found = MOVE.casts.named(name, "6.18")
    assert found is not None
    return found


def neighbour(role: Role, theatre: Theatre) -> Thread:
    play = Play(cast(BESIDE_GUP.replace("1p", "2p")), role, "x86_64")
    return theatre.stage(play).raw_threads(play.cast, play.role)[1]


@pytest.mark.parametrize("first", [True, False])
def test_a_swap_reaches_neighbours(first: bool) -> None:
    """Whichever of two variants of one name is compiled first."""
    as_it_is = merged({})
    careless = merged({gup.gup_fast_pte_range: gup_fast_that_never_looks_again})
    theatre = Theatre([REGISTRY[BROKEN]])
    found = {}
    for variant in (as_it_is, careless) if first else (careless, as_it_is):
        play = Play(cast(BESIDE_GUP), Role(variant), "x86_64")
        found[variant] = theatre.play(play, Limits())
    assert not found[as_it_is].violated
    assert found[careless].violated.keys() == {BROKEN}
    assert found[as_it_is].states != found[careless].states


def test_an_edit_reaches_neighbours_and_what_they_compute() -> None:
    """Also that of a function that is run while the model is compiled."""
    theatre = Theatre([])
    plain = neighbour(Role(merged({})), theatre)
    edits = (("pages_of", answer("range", "(vma.start,)", in_="pages_of")[1]),)
    ours = merged({pages_of: first_page})
    for other in (Role(merged({}), edits, "one page"), Role(ours)):
        assert [e.op for e in neighbour(other, theatre).edges] != [e.op for e in plain.edges]


def test_what_a_variant_does_not_touch_is_compiled_once() -> None:
    theatre = Theatre([])
    roles = [Role(MOVE.variant(v)) for v in ("v1", "v2", "v3", "per_page", "merged")]
    assert len({id(neighbour(role, theatre)) for role in roles}) == 1


def test_what_is_asked_reaches_a_thread_that_another_stage_has_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where it was asked before, and the text of the invariant has been edited since."""

    def asked(*invariants: str) -> Thread:
        play = Play(cast(BESIDE_GUP), Role(merged({})), "x86_64")
        stage = Theatre([REGISTRY[name] for name in invariants]).stage(play)
        return stage.raw_threads(play.cast, play.role)[0]

    def conditions(thread: Thread) -> list[Expr]:
        return [c.cond for e in thread.edges for c in e.op.checks if c.invariant == BROKEN]

    plain, once = asked(), asked(BROKEN)
    assert not conditions(plain)
    assert conditions(once)
    assert once is asked(BROKEN)
    edits = dict([answer("all", "False", in_=BROKEN)])
    monkeypatch.setattr(stage, "Context", partial(Context, edits=edits))
    assert conditions(asked(BROKEN)) != conditions(once)


def test_a_search_that_was_cut_short_is_not_taken_for_a_whole_one() -> None:
    theatre = Theatre([REGISTRY[BROKEN]])
    play = Play(cast(BESIDE_GUP), Role(merged({})), "x86_64")
    assert theatre.play(play, Limits(3)).why
    assert not theatre.play(play, Limits()).why


def test_a_file_that_is_called_like_a_stored_variant(tmp_path: Path) -> None:
    path = write_late_flush(tmp_path).rename(tmp_path / "v3.py")
    scene = "move/1p/ptl=different/init=all_at_src"
    ran = run(str(path), "--arch", "x86_64", "--scenario", scene, "--no-cache", "--jobs", "1",
              "--invariant", "flushed_before_ptl_is_released")  # fmt: skip
    assert ran.exit_code == 1
    assert ran.stdout.count("VIOLATED") >= 1


def test_a_cast_has_the_rules_of_its_own_user_and_each_state_is_one_to_begin_in() -> None:
    """A cast with a user that stores, one with a lazy one and one with none, reduced together: each
    has the states that it has alone, or more, and none has the others' rules."""
    merged = MOVE.variant("merged")
    names = [
        "move+user/2p/ptl=different/init=all_at_src",
        "move+lazy_user/2p/ptl=different/init=all_at_src",
        "move+zap_src/2p/ptl=different/init=all_at_src",
    ]
    named = (MOVE.casts.named(n, merged.neighbours_from) for n in names)
    some = [cast for cast in named if cast is not None]
    assert len(some) == 3
    together = stage.Stage(stage.Setting.of(some[0]), "x86_64", REGISTRY.values())
    together.prepare([(cast, Role(merged)) for cast in some])
    kinds = [
        {rule.name.split()[0] for rule in together.reduced(cast, Role(merged)).rules}
        for cast in some
    ]
    by_user = {"set_accessed", "store", "run_mm_again"}
    assert [k & by_user for k in kinds] == [{"set_accessed", "store"}, {"run_mm_again"}, set()]
    for one in some:
        alone = stage.Stage(stage.Setting.of(one), "x86_64", REGISTRY.values())
        _, expected = alone.search(one, Role(merged))
        _, found = together.search(one, Role(merged))
        assert set(found.violations) == set(expected.violations)
        assert found.states >= expected.states


@pure
def on_x86_alone(s: View, thread: Task) -> bool:  # noqa: ARG001
    return arch().name == "x86_64"


@pure
def anywhere(s: View, thread: Task) -> bool:  # noqa: ARG001
    return thread.rcu == 0


def test_a_condition_that_asks_for_the_architecture_is_worked_out_on_each() -> None:
    """Others are worked out once; either way they are what a world of its own would give."""
    merged = MOVE.variant("merged")
    cast = MOVE.casts.named(BESIDE_GUP, merged.neighbours_from)
    assert cast is not None
    asked = [
        replace(REGISTRY[BROKEN], name=fn.name, fn=fn, steps=frozenset({Trait.RETURN}))
        for fn in (on_x86_alone, anywhere)
    ]
    found = {}
    for name in ("x86_64", "arm64", "x86_64"):
        on = stage.Stage(stage.Setting.of(cast), name, asked)
        found[name] = {
            check
            for thread in on.raw_threads(cast, Role(merged))
            for edge in thread.edges
            for check in edge.op.checks
            if check.invariant in {"on_x86_alone", "anywhere"}
        }
    assert {c.cond for c in found["arm64"] if c.invariant == "on_x86_alone"} == {ex.FALSE}
    assert not [c for c in found["x86_64"] if c.invariant == "on_x86_alone"]
    mine = {c for c in found["arm64"] if c.invariant == "anywhere"}
    assert mine == found["x86_64"] != set()
