# SPDX-License-Identifier: GPL-2.0-only
# ruff: noqa: E501
"""Systems in which a violation was lost once, as the oracle prints them when it has made one smaller.

In each the check ``c`` (or the final ``e``) fails, and no set of passes may lose that.
"""

from __future__ import annotations

from .casetext import read_case
from .compare import compare_system


def agrees(text: str) -> None:
    """Something fails in a system, and every set of passes finds it."""
    outcome = compare_system(*read_case(text))
    assert outcome.violated
    assert outcome.differences == ()


def test_redirect_and_back() -> None:
    """The lock of a field is another one for a while: who notices is not in one step with that."""
    agrees("""
        system redirect_and_back
        sort Slot ref Slot a b
        sort Thread? nullable Thread t0 t1 t2
        var Spin.owner (Slot) Thread? lock
        var Box.n () 0..2 memory
        var Row.lock (Slot) Slot memory
        var Row.far_n (Slot) 0..2 memory
        thread t0 t0 0 5 6
          local f.x 0..2
          local f.z 0..2
          edge 0 1 rmw (if (eq Spin.owner[a] None)) (set Spin.owner[a] t0) (number 0) (call step (traits lockless))
          edge 1 2 rmw (set %f.x Row.far_n[a]) (number 1) (call step)
          edge 2 3 rmw (set %f.z Box.n[]) (number 2) (call step (traits lockless))
          edge 3 4 primitive (check c (not (and (eq %f.x 0) (eq %f.z 1)))) (number 3) (call step (traits lockless))
          edge 4 5 rmw (set Spin.owner[a] None) (number 4) (call step (traits lockless))
        thread t1 t1 0 6 7
          edge 0 1 rmw (set Row.lock[a] b) (number 0) (call step (traits lockless))
          edge 1 2 rmw (if (eq Spin.owner[b] None)) (set Spin.owner[b] t1) (number 1) (call step (traits lockless))
          edge 2 3 rmw (set Row.far_n[a] 1) (number 2) (call step)
          edge 3 4 rmw (set Spin.owner[b] None) (number 3) (call step (traits lockless))
          edge 4 5 rmw (set Row.lock[a] a) (number 4) (call step (traits lockless))
          edge 5 6 rmw (set Box.n[] 1) (number 5) (call step (traits lockless))
    """)


def test_kicked_out() -> None:
    """A reader is taken out of a semaphore by somebody else, in the middle of its section."""
    agrees("""
        system kicked_out
        sort Thread ref Thread t0 t1 t2
        var Sem.readers () {Thread} lock
        thread t0 t0 0 3 4
          edge 0 1 rmw (set Sem.readers[] (union Sem.readers[] #2)) (number 0) (call step (traits lockless))
          edge 1 2 primitive (check c (not (eq (inter Sem.readers[] #2) #0))) (number 1) (call step (traits lockless))
          edge 2 3 rmw (set Sem.readers[] (diff Sem.readers[] #2)) (number 2) (call step (traits lockless))
        thread t1 t1 0 1 2
          edge 0 1 rmw (set Sem.readers[] (diff Sem.readers[] #2)) (number 0) (call step (traits lockless))
    """)


def test_released_if() -> None:
    """A lock is let go of under a condition, by whoever."""
    agrees("""
        system released_if
        sort Thread? nullable Thread t0 t1 t2
        var Mutex.owner () Thread? lock
        var Box.n () 0..2 memory
        var Box.mutex_n () 0..2 memory
        thread t0 t0 0 6 7
          local f.x 0..2
          local f.y 0..2
          edge 0 1 rmw (if (eq Mutex.owner[] None)) (set Mutex.owner[] t0) (number 0) (call step (traits lockless))
          edge 1 2 rmw (set %f.x Box.mutex_n[]) (number 1) (call step)
          edge 2 3 rmw (set %f.y Box.mutex_n[]) (number 2) (call step)
          edge 3 4 primitive (check c (eq %f.x %f.y)) (number 3) (call step (traits lockless))
          edge 4 5 rmw (set Mutex.owner[] None) (number 4) (call step (traits lockless))
          edge 5 6 rmw (set Box.n[] 1) (number 5) (call step (traits lockless))
        thread t1 t1 0 4 5
          edge 0 1 rmw (set Mutex.owner[] (ite (eq Box.n[] 0) None Mutex.owner[])) (number 0) (call step (traits lockless))
          edge 1 2 rmw (if (eq Mutex.owner[] None)) (set Mutex.owner[] t1) (number 1) (call step (traits lockless))
          edge 2 3 rmw (set Box.mutex_n[] 1) (number 2) (call step)
          edge 3 4 rmw (set Mutex.owner[] None) (number 3) (call step (traits lockless))
    """)


def test_held_from_the_start() -> None:
    """A lock that is held at first, and of which nobody but its holder's section speaks."""
    agrees("""
        system held_from_the_start
        sort Thread? nullable Thread t0 t1 t2
        var Mutex.owner () Thread? lock
        var Box.mutex_n () 0..2 memory
        thread t0 t0 0 3 4
          local f.x 0..2
          local f.y 0..2
          edge 0 1 rmw (set %f.x Box.mutex_n[]) (number 0) (call step)
          edge 1 2 rmw (set %f.y Box.mutex_n[]) (number 1) (call step)
          edge 2 3 primitive (check c (eq %f.x %f.y)) (number 2) (call step (traits lockless))
        thread t1 t1 0 3 4
          edge 0 1 rmw (set Mutex.owner[] t1) (number 0) (call step (traits lockless))
          edge 1 2 rmw (set Box.mutex_n[] 1) (number 1) (call step)
          edge 2 3 rmw (set Mutex.owner[] t0) (number 2) (call step (traits lockless))
        initial Mutex.owner 1
    """)


def test_made_from_what_is_free() -> None:
    """A step that frees writes to the object what it reads from another one that is freed."""
    agrees("""
        system made_from_what_is_free
        sort Slot ref Slot a b
        var Box.n () 0..2 memory
        var Folio.free (Slot) bool memory
        var Folio.n (Slot) 0..2 memory
        thread t0 t0 0 4 5
          local f.x 0..2
          local f.z 0..2
          edge 0 1 rmw (set Folio.free[a] true) (set Folio.n[a] Folio.n[b]) (number 0) (call step (traits put))
          edge 1 2 rmw (set %f.x Folio.n[a]) (number 1) (call step (traits "maybe-free"))
          edge 2 3 rmw (set %f.z Box.n[]) (number 2) (call step (traits lockless))
          edge 3 4 primitive (check c (not (and (eq %f.x 0) (eq %f.z 1)))) (number 3) (call step (traits lockless))
        thread t1 t1 0 2 3
          edge 0 1 rmw (set Folio.free[b] true) (set Folio.n[b] 1) (number 0) (call step (traits put))
          edge 1 2 rmw (set Box.n[] 1) (number 1) (call step (traits lockless))
    """)


def test_points_elsewhere_behind_the_step() -> None:
    """A step frees an object and writes to another, by a pointer that it moves."""
    agrees("""
        system points_elsewhere_behind_the_step
        sort Slot ref Slot a b
        var Box.at () Slot memory
        var Folio.free (Slot) bool memory
        var Folio.n (Slot) 0..2 memory
        thread t0 t0 0 4 5
          local f.x 0..2
          local f.y 0..2
          edge 0 1 rmw (set %f.x Folio.n[a]) (number 0) (call step (traits lockless))
          edge 1 2 rmw (set %f.y Folio.n[a]) (number 1) (call step (traits lockless))
          edge 2 3 primitive (check c (eq %f.x %f.y)) (number 2) (call step (traits lockless))
          edge 3 4 rmw (set Box.at[] b) (number 3) (call step (traits lockless))
        thread t1 t1 0 1 2
          edge 0 1 rmw (set Box.at[] b) (set Folio.free[b] true) (set Folio.n[Box.at[]] 1) (number 0) (call step (traits put))
    """)


def test_two_write_unseen() -> None:
    """Two steps that say they allocate write to the same object, which stays free."""
    agrees("""
        system two_write_unseen
        sort Slot ref Slot a b
        var Box.n () 0..2 memory
        var Row.n (Slot) 0..2 memory
        var Folio.free (Slot) bool memory
        var Folio.n (Slot) 0..2 memory
        thread t0 t0 0 2 3
          edge 0 1 rmw (if Folio.free[a]) (set Folio.n[a] 1) (number 0) (call step (traits alloc))
          edge 1 2 rmw (set Box.n[] 1) (number 1) (call step (traits lockless))
        thread t1 t1 0 3 4
          local f.x 0..2
          edge 0 1 rmw (if Folio.free[a]) (set Folio.n[a] 2) (number 0) (call step (traits alloc))
          edge 1 2 rmw (set %f.x Box.n[]) (number 1) (call step (traits lockless))
          edge 2 3 rmw (set Row.n[a] %f.x) (number 2) (call step (traits lockless))
        final e (not (and (eq Row.n[a] 1) (eq Folio.n[a] 1)))
        initial Folio.free[a] 1
    """)


def test_an_object_is_freed_under_its_lock() -> None:
    """A step that frees an object lets go of its lock, too, which its holder still asks about."""
    agrees("""
        system freed_under_its_lock
        sort Slot ref Slot a b
        sort Thread? nullable Thread t0 t1 t2
        var Box.n () 0..2 memory
        var Folio.free (Slot) bool memory
        var Folio.owner (Slot) Thread? lock
        thread t0 t0 0 3 4
          edge 0 1 rmw (if (eq Folio.owner[a] None)) (set Folio.owner[a] t0) (number 0) (call step (traits lockless))
          edge 1 2 rmw (set Box.n[] 1) (number 1) (call step (traits lockless))
          edge 2 3 primitive (check c (eq Folio.owner[a] t0)) (number 2) (call step (traits lockless))
        thread t1 t1 0 2 3
          edge 0 1 load (if (eq Box.n[] 1)) (number 0) (call step (traits lockless))
          edge 1 2 rmw (set Folio.free[a] true) (set Folio.owner[a] None) (number 1) (call step (traits put))
    """)


def test_a_lock_is_taken_in_a_step_that_says_it_frees() -> None:
    """The step frees nothing, and lets go of a lock that another has."""
    agrees("""
        system says_it_frees
        sort Slot ref Slot a b
        sort Thread? nullable Thread t0 t1 t2
        var Folio.free (Slot) bool memory
        var Folio.owner (Slot) Thread? lock
        thread t0 t0 0 3 4
          edge 0 1 rmw (if (eq Folio.owner[a] None)) (set Folio.owner[a] t0) (number 0) (call step (traits lockless))
          edge 1 2 primitive (check c (eq Folio.owner[a] t0)) (number 1) (call step (traits lockless))
          edge 2 3 rmw (set Folio.owner[a] None) (number 2) (call step (traits lockless))
        thread t1 t1 0 1 2
          edge 0 1 rmw (set Folio.owner[a] None) (number 0) (call step (traits put))
    """)


def test_a_reader_brings_the_readers_of_another_semaphore() -> None:
    """A reader takes the semaphore for itself and for whoever has the other one."""
    agrees("""
        system copied_readers
        sort Thread ref Thread t0 t1 t2
        var Box.n () 0..2 memory
        var Sem.readers () {Thread} lock
        var Other.readers () {Thread} lock
        thread t0 t0 0 4 5
          edge 0 1 rmw (set Other.readers[] (union Other.readers[] #2)) (number 0) (call step (traits lockless))
          edge 1 2 rmw (set Box.n[] 1) (number 1) (call step (traits lockless))
          edge 2 3 primitive (check c (eq (inter Sem.readers[] #2) #0)) (number 2) (call step (traits lockless))
          edge 3 4 rmw (set Sem.readers[] (diff Sem.readers[] #2)) (number 3) (call step (traits lockless))
        thread t1 t1 0 3 4
          edge 0 1 load (if (eq Box.n[] 1)) (number 0) (call step (traits lockless))
          edge 1 2 rmw (if (eq Sem.readers[] #0)) (set Sem.readers[] (union Other.readers[] #4)) (number 1) (call step (traits lockless))
          edge 2 3 rmw (set Sem.readers[] (diff Sem.readers[] #4)) (number 2) (call step (traits lockless))
    """)
