# SPDX-License-Identifier: GPL-2.0-only
"""Passes from a system to a smaller one with the same verdicts, in this order.

fold        what never changes is put in as its value
propagate   what a thread's own steps make certain is put in, and what they exclude is dropped
erase       what neither a guard nor an invariant depends on goes
merge       steps that nobody else can see happen together with the step before
liveness    a local that is not read again is reset

Each works on one thread, given what the others do, so that `reducer` can use a result again in
every cast where the same holds.  A search engine stays plain; what it is given has been through
these.
"""
