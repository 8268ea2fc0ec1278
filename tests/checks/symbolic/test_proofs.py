# SPDX-License-Identifier: GPL-2.0-only
"""The models are what the cores say, and a mutant is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.engine.reference import Limits
from checks.example import explorer_of, system_of
from checks.proofs import THEORIES, Proof, prove_patch, prove_shoot
from checks.subject import as_mutant, by_name
from checks.symbolic.agree import Comparison
from checks.symbolic.cores import shoot

from ...command import run

PATCH = "uffd_move_batching"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer scenarios: two without neighbours, or those that a core is about."""
    kept = [
        replace(t, scenarios=t.scenarios[:2] if t.core.name == "flush" else t.scenarios[-1:])
        for t in THEORIES[PATCH]
    ]
    monkeypatch.setitem(THEORIES, PATCH, tuple(kept))


def proofs(variant: str, mutant: str = "", arch: str = "x86_64") -> dict[str, Proof]:
    subject = by_name(PATCH, variant)
    if mutant:
        subject = as_mutant(subject, mutant)
    found = prove_patch(subject.patch, subject.selected.role, arch, Limits())
    return {proof.core.name: proof for proof in found}


def test_the_form_of_6_19_has_all_three() -> None:
    found = proofs("folio_lock_only")
    assert {name: p.verdict for name, p in found.items()} == {
        "flush": "PROVED", "order": "PROVED", "rmap": "PROVED",
    }  # fmt: skip
    assert [len(p.compared) for p in found.values()] == [len(t.scenarios) for t in THEORIES[PATCH]]


@pytest.mark.usefixtures("few")
def test_a_theorem_about_walks_that_nobody_makes_is_not_claimed() -> None:
    """6.18: the walk of anonymous folios does not hold the folio lock."""
    found = proofs("merged", arch="arm64")
    assert {name: p.verdict for name, p in found.items()} == {
        "flush": "PROVED", "order": "PROVED", "rmap": "UNKNOWN",
    }  # fmt: skip
    assert found["rmap"].unseen == ("walk",)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("mutant", "core"),
    [
        ("no flush", "flush"),
        ("flush one page short", "flush"),
        ("flush after the PTLs", "flush"),
        ("PTLs in argument order", "order"),
        ("index not updated", "rmap"),
    ],
)
def test_a_mutant_is_no_instance_of_its_core(mutant: str, core: str) -> None:
    found = proofs("folio_lock_only", mutant)
    different = {n for n, p in found.items() if any(c.disagreement for c in p.compared)}
    assert different == {core}
    assert found[core].verdict == "UNKNOWN"


def test_shoot_is_its_core() -> None:
    (proof,) = prove_shoot(Limits())
    assert proof.verdict == "PROVED"
    assert [(c.agreement.states, c.agreement.steps) for c in proof.compared] == [
        (189, 442), (1389, 4044),
    ]  # fmt: skip
    (broken,) = prove_shoot(Limits(), acked=False)
    assert broken.verdict == "FAILED"


def test_a_core_that_differs_from_the_model_is_found_out() -> None:
    """The model does not wait for acknowledgements, the core does."""
    system, initial = system_of(2, 1, 2, acked=False)
    explorer = explorer_of(system)
    states = list(explorer.run(initial).parents)
    comparison = Comparison(shoot.core(), shoot.abstraction(2, 1, 2))
    found = comparison.compare(explorer, initial, states)
    assert found is not None


def test_what_is_not_visited_is_not_claimed() -> None:
    (proof,) = prove_shoot(Limits(100))
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
