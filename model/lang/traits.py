# SPDX-License-Identifier: GPL-2.0-only
"""The words that the declaration of a step may say of it, and that soundness hangs on.

`@step` refuses any other.  Each has what it means, and behind the colon who relies on it: groups
of invariants, and parts of `checks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from .errors import ModelError, near


class Trait(StrEnum):
    """A property of a step, besides what it does."""

    # locks
    ACQUIRE = "acquire"  # waits for a lock and takes it: locking, the lock graph, necessity
    TRYLOCK = "trylock"  # takes a lock if it is free: the lock graph, the core `order`, necessity
    RELEASE = "release"  # lets go of a lock: locking, necessity
    SLEEPS = "sleeps"  # may sleep: locking
    RCU = "rcu"  # begins or ends a read section: memory ordering
    GRACE_PERIOD = "grace-period"  # waits for the read sections of others: locking, memory ordering

    # references and lifetime
    REF = "ref"  # changes a reference count: lifetime, necessity
    TRYGET = "tryget"  # takes a reference if there is one: lifetime, reductions, necessity
    PUT = "put"  # drops a reference and may free: tlb, lifetime, reductions, memory ordering
    ALLOC = "alloc"  # makes a free object one's own: lifetime, reductions, memory ordering
    NEW = "new"  # is about an object that nobody else can see: locking, memory ordering
    MAYBE_FREE = "maybe-free"  # is about an object that may be free: lifetime, reductions
    FREE_TABLE = "free-table"  # frees a page table: tlb, lifetime
    ANON_REF = "anon-ref"  # changes the references to an anon_vma: lifetime, necessity

    # fields
    LOCKLESS = "lockless"  # uses a field without its lock: reductions, memory ordering
    PTE = "pte"  # writes an entry: locking
    PMD = "pmd"  # writes the entry of a table: locking
    MAPPING = "mapping"  # writes folio->mapping: locking
    INDEX = "index"  # writes folio->index: locking
    RMAP = "rmap"  # changes a map count: lifetime
    PIN = "pin"  # pins a page: pins
    SHARE = "share"  # gives up PageAnonExclusive: pins
    COPY = "copy"  # copies a page: tlb
    GHOST = "ghost"  # writes ghosts only: lifetime, locking, reductions

    # the rest
    IPI = "ipi"  # asks other CPUs to flush: locking, traces, necessity
    TLBI = "tlbi"  # invalidates the translations of all CPUs: traces, necessity
    RETURN = "return"  # ends the call: locking, lifetime, tlb, verdicts, reductions
    RULE = "rule"  # may happen at any time, by nobody's order: the front end
    FOREIGN = "foreign"  # is none of `model`, which nobody has to say: reductions


TAKES = frozenset({Trait.ACQUIRE, Trait.TRYLOCK})
"""Steps that take a lock, or try to."""

FLUSHES = frozenset({Trait.IPI, Trait.TLBI})
"""Steps that make CPUs flush."""


def traits_of(words: Iterable[str], where: str) -> frozenset[Trait]:
    """The traits of these words; ModelError for one that is none."""
    known = {t.value: t for t in Trait}
    found = []
    for word in words:
        if word not in known:
            raise ModelError(f"no trait '{word}'", where=where, instead=near(word, known))
        found.append(known[word])
    return frozenset(found)
