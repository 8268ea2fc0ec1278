# SPDX-License-Identifier: GPL-2.0-only
"""Each core is proved, each clause of it is needed, and what breaks it fails where it should."""

from __future__ import annotations

import pytest

from checks.prove.core import Core
from checks.prove.cores import flush, order, rmap, shoot, tables
from checks.prove.infer import infer
from checks.prove.obligations import EFFORT, Prover, Result, snapshot_lines

CORES = {c.name: c for c in (shoot.core(), flush.core(), tables.core(), order.core(), rmap.core())}


def results(core: Core, *, without: str = "") -> dict[Result, set[tuple[str, str]]]:
    """The obligations by what became of them."""
    found: dict[Result, set[tuple[str, str]]] = {result: set() for result in Result}
    for o in Prover(core, effort=EFFORT // 5, without=[without] if without else []).run():
        found[o.result].add((o.obligation.what, o.obligation.clause))
    return found


def unproved(core: Core) -> set[tuple[str, str]]:
    """The obligations that fail; none may be undecided."""
    found = results(core)
    assert found[Result.UNKNOWN] == set()
    return found[Result.FAILED]


@pytest.mark.parametrize("name", CORES)
def test_it_is_proved_of_something(name: str) -> None:
    core = CORES[name]
    assert unproved(core) == set()
    prover = Prover(core)
    assert [a.name for a in core.actions if not prover.can_fire(a)] == []


CLAUSES = [(name, clause.name) for name, core in CORES.items() for clause in core.clauses]


@pytest.mark.parametrize(("name", "clause"), CLAUSES)
def test_each_clause_is_needed(name: str, clause: str) -> None:
    assert results(CORES[name], without=clause)[Result.FAILED] != set()


LEFT_OUT = [
    (shoot.core(), "flushes_here", ("zap_flush", "stale_is_awaited")),
    (shoot.core(), "all_have_answered", ("zap_free", "stale_is_awaited")),
    (flush.core(), "flushed_first", ("release", "owed_under_the_lock")),
    (flush.core(), "owner_releases", ("release", "owed_under_the_lock")),
    (flush.core(), "under_the_lock", ("change", "owed_under_the_lock")),
    (flush.core(), "nothing_put_off", ("honour", "owed_under_the_lock")),
    (tables.core(), "under_its_lock", ("unlink", "worked_on_where_it_is")),
    (tables.core(), "nobody_below", ("unlink", "worked_on_where_it_is")),
    (tables.core(), "not_on_its_way", ("take", "worked_on_where_it_is")),
    (tables.core(), "nowhere_else", ("link", "one_place")),
    (tables.core(), "flushed_first", ("release", "reached_in_its_place")),
    (order.core(), "upwards", ("wait", "waits_upwards")),
    (order.core(), "no_other_writer", ("wait", "waits_beside_no_writer")),
    (order.core(), "all_let_go", ("end", "ended_with_nothing")),
    (rmap.core(), "folio_is_locked", ("move", "home_stays_while_walked")),
    (rmap.core(), "folio_is_unmapped", ("move", "mapped_at_home")),
    (rmap.core(), "at_home", ("map", "mapped_at_home")),
    (rmap.core(), "walked_folio_is_locked", ("walk", "home_stays_while_walked")),
    (rmap.core(), "owner_unlocks", ("unlock", "home_stays_while_walked")),
    (rmap.core(), "walk_is_over", ("unlock", "home_stays_while_walked")),
]
"""Each need and effect of a core, and the one obligation that fails without it."""


@pytest.mark.parametrize(("core", "name", "fails"), LEFT_OUT, ids=[name for _, name, _ in LEFT_OUT])
def test_what_is_left_out_fails_where_it_counts(
    core: Core, name: str, fails: tuple[str, str]
) -> None:
    assert unproved(core.without(name)) == {fails}


def test_every_need_is_in_the_table() -> None:
    parts = {n for core in CORES.values() for action in core.actions for n in action.named()}
    assert {name for _, name, _ in LEFT_OUT} == parts


def test_a_counterexample_is_small_and_has_names() -> None:
    found = [
        o for o in Prover(flush.core().without("flushed_first")).run() if o.result is Result.FAILED
    ]
    (failed,) = found
    assert failed.shot is not None
    assert tuple(snapshot_lines(flush.core(), failed.shot)) == (
        "with   thread0, lock0",
        "       space(addr0) = mm0",
        "       ptl(addr0) = lock0",
        "       holder(lock0) = thread0",
        "       owed(thread0, addr0, right0)",
    )


def test_a_clause_that_is_missing_is_found_again() -> None:
    """The lock clause: what is found is enough to prove every obligation."""
    core = flush.core()
    found = infer(core, ["owed_under_the_lock"])
    assert found.why == ""
    again = Prover(core, without=["owed_under_the_lock"], more=found.clauses)
    assert {o.result for o in again.run()} == {Result.PROVED}


def test_what_no_clause_can_mend_is_unknown() -> None:
    found = infer(flush.core().without("flushed_first"), ["owed_under_the_lock"], seconds=5)
    assert found.why
