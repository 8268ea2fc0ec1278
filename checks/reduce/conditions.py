# SPDX-License-Identifier: GPL-2.0-only
"""Conditions of each reduction, where they are enforced, and which test fails without each.

`docs/reductions.md` is made from this: ``python -m checks.reduce.conditions > docs/reductions.md``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

TESTED = "tested"
"""Enforced by no code: what the passes make of models is compared with the any-time system."""


@dataclass(frozen=True)
class Condition:
    """A condition of a reduction.

    `enforced` names the function that sees to it, as ``module:name``, or is `TESTED`; `test` is one
    that fails without it, as pytest names it.
    """

    reduction: str
    condition: str
    enforced: str
    test: str


_MOVERS, _FACTS = "tests/checks/reduce/test_movers.py::", "tests/checks/reduce/test_facts.py::"

CONDITIONS = (
    Condition(
        "fold", "a cell is its first value only while no step of the family gives it another",
        "checks.reduce.fold:changes", "tests/oracle/test_reductions.py::test_random_programs",
    ),
    Condition(
        "fold, propagate",
        "what is kept for another family is kept by all that it was made from, also by elements "
        "that are named once an index is known",
        "checks.reduce.reducer:Reducer._folded",
        "tests/checks/reduce/test_kept.py"
        "::test_a_part_is_folded_anew_where_less_is_known_of_an_element",
    ),
    Condition(
        "merge", "what steps use is kept for other passes only if both merge by movers or neither "
        "does", "checks.reduce.reducer:Reducer._merge",
        _MOVERS + "test_a_lock_that_somebody_else_lets_go_of_is_noticed",
    ),
    Condition(
        "propagate",
        "behind a step only locals, and cells that no other part writes, are what they were",
        "checks.reduce.propagate:_lasts",
        _FACTS + "test_a_wait_by_a_pointer_tells_nothing_of_the_element_a_step_later",
    ),
    Condition(
        "erase", "what goes is read by no guard, check or invariant, and by nothing that merging "
        "rests on", "checks.reduce.reducer:Group.relied_on",
        _MOVERS + "test_a_field_that_is_used_after_the_free_is_noticed",
    ),
    Condition(
        "erase", "a rule of software that can still change something is progress",
        "checks.reduce.erase:_progress", _FACTS + "test_a_rule_of_hardware_is_no_progress",
    ),
    Condition(
        "all", "an array is one variable to all passes where anybody, an invariant included, "
        "computes its index", "checks.reduce.usage:Regions.of_parts",
        _FACTS + "test_conditions_by_a_computed_index_are_judged",
    ),
    Condition(
        "merge", "a right mover that waits for a lock word keeps others from taking it",
        "checks.reduce.conflicts:Others.overtaken",
        _MOVERS + "test_a_grace_period_before_the_unlink_keeps_nobody_from_what_is_freed",
    ),
    Condition(
        "merge", "a left mover takes nothing that another waits for",
        "checks.reduce.conflicts:Others.held_up",
        "tests/checks/reduce/test_sections.py::test_a_look_before_the_section_is_not_in_it",
    ),
    Condition(
        "merge", "a ghost that a check of another thread looks at is no mover",
        "checks.reduce.conflicts:Others.conflict",
        _MOVERS + "test_a_ghost_that_another_thread_looks_at_has_a_time_of_its_own",
    ),
    Condition(
        "merge", "a check looks from outside of any lock",
        "checks.reduce.uses:Classifier._judge",
        "tests/checks/reduce/test_discipline.py"
        "::test_an_invariant_sees_what_is_between_two_writes_under_a_lock",
    ),
    Condition(
        "merge (movers)", "a field is used under the lock that its declaration names",
        "checks.reduce.merge:_discipline",
        "tests/checks/reduce/test_discipline.py::test_a_write_without_its_lock_is_noticed",
    ),
    Condition(
        "merge (movers)",
        "who lets go of a lock is its holder, and who takes one takes it from nobody",
        "checks.reduce.merge:_words",
        _MOVERS + "test_a_lock_that_somebody_else_lets_go_of_is_noticed",
    ),
    Condition(
        "merge (movers)", "nobody uses what is free but for steps that say so",
        "checks.reduce.merge:_in_use",
        _MOVERS + "test_a_field_that_is_used_after_the_free_is_noticed",
    ),
    Condition(
        "merge (movers)", "what makes one of these fail, or hold, is not moved over who notices",
        "checks.reduce.uses:Classifier._relied_on",
        _MOVERS + "test_a_lock_is_not_held_between_the_steps_of_who_lets_go_of_it",
    ),
    Condition(
        "merge (movers)", "to take a lock without waiting for it is to look at who has it",
        "checks.reduce.uses:Classifier._op",
        _MOVERS + "test_who_takes_a_lock_from_its_holder_is_in_its_section",
    ),
    Condition(
        "merge (movers)", "only a word with one holder is asked whether it is mine",
        "checks.reduce.uses:Classifier._asks_if_mine",
        _MOVERS + "test_a_depth_or_a_set_is_not_asked_whether_it_is_mine",
    ),
    Condition(
        "merge (movers)", "which lock a field has is the same while it is used",
        "checks.reduce.merge:moves_of",
        _MOVERS + "test_which_lock_a_field_has_does_not_change_while_it_is_used",
    ),
    Condition(
        "merge (movers)", "a step that says it frees or allocates writes to what is free before or "
        "after it", "checks.reduce.free:is_unseen",
        _MOVERS + "test_a_step_that_says_it_frees_is_not_believed",
    ),
    Condition(
        "merge (movers)", "what a step writes plainly to an object that may be free is seen by who "
        "frees or allocates it", "checks.reduce.uses:Classifier.edge",
        _MOVERS
        + "test_a_step_that_says_it_allocates_does_not_write_unseen_to_what_another_frees",
    ),
    Condition(
        "merge (movers)", "of two steps that write to one object, neither being seen by who uses "
        "it, each is seen by the other", "checks.reduce.conflicts:Others.conflict",
        "tests/oracle/test_cases.py::test_two_write_unseen",
    ),
    Condition(
        "merge (movers)", "who takes a lock adds itself to the word, and nobody else",
        "checks.reduce.lock_words:takes",
        "tests/oracle/test_cases.py::test_a_reader_brings_the_readers_of_another_semaphore",
    ),
    Condition(
        "merge (movers)", "who asks whether a lock is its own is seen by who frees the object",
        "checks.reduce.uses:Classifier._judge",
        "tests/oracle/test_cases.py::test_an_object_is_freed_under_its_lock",
    ),
    Condition(
        "merge (movers)", "a lock word that a rule writes is a word like any other",
        "checks.reduce.reducer:Reducer._storage_of_words",
        _MOVERS + "test_a_lock_word_that_a_rule_writes_is_a_word_like_any",
    ),
    Condition(
        "merge", "what is kept at the entry until the next step may come later as well",
        "checks.reduce.merge:_Merger._join_entry",
        _MOVERS + "test_a_lock_that_is_let_go_of_at_the_entry_is_not_kept_until_a_wait_is_over",
    ),
    Condition(
        "merge (movers)",
        "where a field is used without its lock, a lock is let go of by another or what is free is "
        "used, the cast is decided without movers",
        "checks.play.play:weakened",
        _MOVERS + "test_a_lock_that_somebody_else_lets_go_of_is_noticed",
    ),
    Condition(
        "merge", "where a check that halts fails, the cast is decided again with such steps apart",
        "checks.play.play:weakened",
        _MOVERS + "test_what_comes_before_a_step_that_halts_is_seen_by_others",
    ),
    Condition(
        "merge", "of a check that is declared steady others can only make it hold",
        TESTED, "tests/checks/reduce/test_anytime.py::test_eager_and_anytime_agree",
    ),
    Condition(
        "merge", "nobody has argued that of steps outside of `model`, or that break a discipline: "
        "beside those no check is steady", "checks.reduce.reducer:_is_foreign",
        _MOVERS + "test_beside_a_step_of_somebody_else_no_check_is_steady",
    ),
    Condition(
        "merge", "who makes a steady check of another hold does not do so before the check",
        "checks.reduce.uses:Classifier.shown",
        _MOVERS + "test_what_makes_a_steady_check_hold_does_not_come_before_the_check",
    ),
    Condition(
        "liveness", "a local is reset only where nothing reads it before it is written",
        "checks.reduce.liveness:live_locals",
        "tests/checks/reduce/test_liveness.py"
        "::test_a_local_that_a_check_reads_is_alive_until_then",
    ),
    Condition(
        "eager TLBs", "nothing that software does depends on a cache; an invariant only fails by a "
        "cache holding more; fills only add", "model.hw.eager_tlb:require_eager",
        "tests/checks/reduce/test_conditions.py::test_what_eager_sets_would_not_decide_is_refused",
    ),
    Condition(
        "eager TLBs", "no cache comes to hold less because another holds more",
        "model.hw.eager_tlb:require_eager",
        "tests/checks/reduce/test_conditions.py"
        "::test_a_cache_that_has_less_by_another_having_more_is_refused",
    ),
    Condition(
        "eager TLBs", "a fill has no check", "model.hw.eager_tlb:require_eager",
        "tests/checks/reduce/test_conditions.py::test_a_fill_with_a_check_is_refused",
    ),
    Condition(
        "eager TLBs", "a user CPU makes one store at most", "checks.stage.stage:require_one_store",
        "tests/checks/reduce/test_conditions.py::test_two_stores_of_user_code_are_refused",
    ),
    Condition(
        "eager TLBs", "each set has what a CPU may hold at any time, and nothing else",
        TESTED, "tests/checks/reduce/test_anytime.py::test_eager_and_anytime_agree",
    ),
    Condition(
        "eager TLBs", "an invalidation and the wait for it may be one step where nothing stands "
        "between them", TESTED,
        "tests/checks/reduce/test_conditions.py::test_a_broadcast_flush_in_two_steps_is_no_other",
    ),
    Condition(
        "symmetry", "exchanging two objects changes neither the initial state nor the text",
        "checks.reduce.symmetry:symmetric_classes",
        "tests/checks/engine/test_symmetry.py::test_what_is_not_symmetric_is_refused",
    ),
)  # fmt: skip


def page() -> str:
    """The document."""
    lines = [
        "# What reductions rest on",
        "",
        "Made from `checks/reduce/conditions.py`. Each row: a reduction, what it takes for",
        "granted, the code that sees to it, and a test that fails where it does not. *Tested*",
        "means that no code sees to it: casts are decided with TLBs that fill and forget at any",
        "time, too, and have to come out alike.",
        "",
        "| reduction | condition | enforced by | test |",
        "|---|---|---|---|",
    ]
    for c in CONDITIONS:
        enforced = "*tested*" if c.enforced == TESTED else f"`{c.enforced.replace(':', '.')}`"
        lines.append(f"| {c.reduction} | {c.condition} | {enforced} | `{c.test}` |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(page())
