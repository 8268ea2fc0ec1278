# SPDX-License-Identifier: GPL-2.0-only
"""Mutants as they are played: in which cast, and that their edits find what they change.

An invariant that no mutant breaks says nothing.  The table of mutants says of each what it breaks,
in which cast and on which architectures; a test makes each of them and holds the table.
"""

from __future__ import annotations

from collections.abc import Iterable

from checks.stage.stage import Role
from model.cast.casts import Cast, invocations, world_of
from model.cast.parts import Setup
from model.lang.declare import ModelFunction
from model.lang.errors import ModelError, near
from model.lang.frontend.source import Context
from model.patches.family import Family, Variant
from model.patches.mutant import Mutant


def cast_of(patch: Family, mutant: Mutant) -> Cast:
    """The cast in which a mutant is shown; ModelError if the patch has none of that name."""
    kernel = patch.variant(mutant.variant).neighbours_from
    cast = patch.casts.named(mutant.cast, kernel)
    if cast is None:
        known = [c.name for c in patch.casts.full(kernel)]
        raise ModelError(
            f"mutant '{mutant.name}': no cast '{mutant.cast}'", instead=near(mutant.cast, known)
        )
    return cast


def role(patch: Family, mutant: Mutant) -> Role:
    """A mutant as it is played.

    ModelError if the cast has no function of a name that is edited, or an edit finds nothing.
    """
    variant = patch.variant(mutant.variant)
    cast = cast_of(patch, mutant)
    setup = world_of(cast)
    called = _called_in(cast, variant, setup)
    ctx = Context(setup.world, edits=dict(mutant.edits))
    for name, _ in mutant.edits:
        if name not in called:
            raise ModelError(
                f"mutant '{mutant.name}': nothing in {cast.name} calls {name}",
                instead=near(name, called),
            )
        for function in called[name]:
            ctx.tree(function)
    return Role(variant, mutant.edits, mutant.name)


def require_edited(role: Role, casts: Iterable[Cast]) -> None:
    """ModelError if no cast runs every function that a mutant edits: it would be no mutant."""
    names = [name for name, _ in role.edits]
    for cast in casts:
        if set(names) <= set(_called_in(cast, role.variant, world_of(cast))):
            return
    raise ModelError(
        f"mutant '{role.mutant}': no chosen cast calls {' and '.join(names)}",
        why="so this would be the variant without the mutation",
        instead="choose a scenario with a neighbour that calls it",
    )


def _called_in(
    cast: Cast, variant: Variant, setup: Setup
) -> dict[str, list[ModelFunction[..., object]]]:
    """What the routines of a cast call, by name."""
    subject = variant.call(cast, setup)
    calls = invocations(setup, subject, cast, variant.neighbours_from)
    return variant.called_by(c.fn for c in calls)
