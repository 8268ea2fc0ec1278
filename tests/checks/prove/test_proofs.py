# SPDX-License-Identifier: GPL-2.0-only
"""The models are what the cores say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.engine.search import Limits
from checks.examples.example import explorer_of, system_of
from checks.examples.theorem import prove_shoot
from checks.prove import theorems
from checks.prove.cores import shoot
from checks.prove.proof import Proof
from checks.prove.refinement import Comparison
from checks.prove.theorems import prove_patch
from checks.target.target import by_name

from ...command import run

PATCH = "uffd_move_batching"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer scenarios: two without neighbours, or those that a core is about."""
    kept = [
        replace(t, scenarios=t.scenarios[:2] if t.core.name == "flush" else t.scenarios[-1:])
        for t in theorems.THEORIES
    ]
    monkeypatch.setattr(theorems, "THEORIES", tuple(kept))


def proofs(variant: str, arch: str = "x86_64") -> dict[str, Proof]:
    subject = by_name(PATCH, variant)
    found = prove_patch(subject.family, subject.selected.role, arch, Limits())
    return {proof.core.name: proof for proof in found}


@pytest.mark.usefixtures("few")
def test_the_form_of_6_19_has_all_three() -> None:
    found = proofs("folio_lock_only")
    assert {name: p.verdict for name, p in found.items()} == {
        "flush": "PROVED", "order": "PROVED", "rmap": "PROVED",
    }  # fmt: skip
    scenarios = {t.core.name: t.scenarios for t in theorems.THEORIES}
    assert all(len(p.compared) == len(scenarios[name]) for name, p in found.items())


@pytest.mark.usefixtures("few")
def test_a_theorem_about_walks_that_nobody_makes_is_not_claimed() -> None:
    """6.18: the walk of anonymous folios does not hold the folio lock."""
    found = proofs("merged", arch="arm64")
    assert {name: p.verdict for name, p in found.items()} == {
        "flush": "PROVED", "order": "PROVED", "rmap": "UNKNOWN",
    }  # fmt: skip
    assert found["rmap"].unseen == ("walk",)


def test_shoot_is_its_core() -> None:
    (proof,) = prove_shoot("", Limits())
    assert proof.verdict == "PROVED"
    assert [(c.agreement.states, c.agreement.steps) for c in proof.compared] == [
        (189, 442), (1389, 4044),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "lacks", "fails"),
    [
        ("no_ack_wait", "all_have_answered", "zap_free"),
        ("no_local_flush", "flushes_here", "zap_flush"),
    ],
)
def test_what_a_variant_of_shoot_lacks_is_found(variant: str, lacks: str, fails: str) -> None:
    (proof,) = prove_shoot(variant, Limits())
    assert proof.verdict == "FAILED"
    assert proof.lacking == {lacks}
    (failed,) = proof.failed
    assert (failed.obligation.what, failed.obligation.clause) == (fails, "stale_is_awaited")
    assert proof.reached(failed) is not None
    assert proof.shown is not None
    ran = run(*proof.shown.arguments)
    assert ran.exit_code == 1


def test_a_step_that_is_no_action_is_found_out() -> None:
    """The model has an action that the core has not."""
    system, initial = system_of(2, 1, 2)
    explorer = explorer_of(system)
    states = list(explorer.run(initial).parents)
    core = shoot.core()
    fewer = replace(core, actions=tuple(a for a in core.actions if a.name != "acknowledge"))
    found = Comparison(fewer, shoot.abstraction(2, 1, 2)).compare(explorer, initial, states)
    assert found is not None
    assert found.what == "no action of the core is this step"


def test_what_is_not_visited_is_not_claimed() -> None:
    (proof,) = prove_shoot("", Limits(100))
    assert proof.verdict == "UNKNOWN"


def test_the_command() -> None:
    ran = run("prove", "example:shoot", "--stats")
    assert ran.exit_code == 0
    theorem = ran.stdout.splitlines()[1]
    assert theorem.startswith("PROVED     core any-N: no_free_frame_is_named, any number of each")
    assert "67 of 67 obligations proved" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 100
    broken = run("prove", "example:shoot", "--variant", "no_ack_wait")
    assert broken.exit_code == 1
    assert "FAILED  zap_free keeps stale_is_awaited" in broken.stdout
    assert run("prove", "example:shoot", "--variant", "x").exit_code == 2
