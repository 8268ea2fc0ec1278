# SPDX-License-Identifier: GPL-2.0-only
"""Sentences that say why an invariant fails and what follows: each declares them, and a field that
cannot be filled is refused.  That all are filled is seen on the traces of mutants (test_traces)."""

from __future__ import annotations

import pytest

from invariants import REGISTRY, registry
from model.cast.view import View
from model.lang.errors import ModelError


@pytest.mark.parametrize("name", REGISTRY)
def test_every_invariant_says_why_and_what_follows(name: str) -> None:
    invariant = REGISTRY[name]
    for sentence in (invariant.why, invariant.then):
        assert sentence.endswith("."), "a sentence"
        assert not sentence.endswith(".."), "one full stop"
    assert registry.fields_of(invariant.why), "it names what is wrong"


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("{folio.} is free.", "'folio.' is no expression"),
        ("{folio.index:adr} is wrong.", "shown in no such way.*addr"),
    ],
)
def test_a_field_that_is_none_is_refused(why: str, said: str) -> None:
    def holds(s: View) -> bool:
        return bool(s)

    with registry.apart(), pytest.raises(ModelError, match=said):
        registry.invariant(
            "it holds", relied_on="nobody", witness=("put", "a put"), mutants=(), why=why
        )(holds)
