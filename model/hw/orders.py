# SPDX-License-Identifier: GPL-2.0-only
"""How the kernel's locks, atomics and page-table primitives are ordered, by memory model.

Each line has the order on success, the order on failure ("" where it cannot fail), and where that
is to be read, in 7.3-rc7 (riscv: in 7.3.4) without PREEMPT_RT.  What the lines rest on:

* x86: an instruction with a lock prefix, and xchg with memory, is a full barrier, whether it
  writes or not (Intel SDM vol. 3, 8.2.2).  A store is a release and nothing more.
* s390: so is a compare-and-swap, and an interlocked update with `bcr 14,0` after it
  (arch/s390/include/asm/atomic_ops.h, __ATOMIC_OPS).
* arm64: an atomic that writes nothing orders nothing (Documentation/atomic_t.txt, ORDERING).
* riscv (RISC-V ISA manual vol. I, RVWMO): an AMO that returns a value is .aqrl, which is a full
  barrier, and one that returns none has neither bit (arch/riscv/include/asm/atomic.h).  An atomic
  that may fail is lr and sc.rl, and only one that has written comes to the fence after it; with
  Zacas it is amocas.aqrl, which is no less.  _acquire and _release, smp_load_acquire and
  smp_store_release, are fences around a plain access or AMO; an AMO that is .aq or .rl is so
  whatever it finds.  A spinlock is queued or a ticket, which a kernel with RISCV_COMBO_SPINLOCKS
  finds out when it boots (arch/riscv/kernel/setup.c:riscv_spinlock_init): a queued one, which is
  less, is what stands here.
* Whoever *looks* before it tries fails by a plain load on every architecture.

A lock that had to be waited for may be taken by other instructions; the waiter has executed
barriers before.  x86_64 and x86_64-invlpgb differ in how they flush, and have one memory model.
"""

from __future__ import annotations

from model.lang import orders

# -- spinlocks -------------------------------------------------------------------------------------

SPIN_LOCK = orders(
    x86=("full", "", "include/asm-generic/qspinlock.h:queued_spin_lock (lock cmpxchg)"),
    arm64=("acquire", "", "include/asm-generic/qspinlock.h:queued_spin_lock (_acquire)"),
    s390=("full", "", "arch/s390/include/asm/spinlock.h:arch_spin_lock (cs)"),
    riscv=("acquire", "", "include/asm-generic/qspinlock.h:queued_spin_lock (a ticket lock: full)"),
)
SPIN_TRYLOCK = orders(  # the generic one looks first; that of s390 tries once before it looks
    x86=("full", "once", "include/asm-generic/qspinlock.h:queued_spin_trylock"),
    arm64=("acquire", "once", "include/asm-generic/qspinlock.h:queued_spin_trylock"),
    s390=("full", "full", "arch/s390/include/asm/spinlock.h:arch_spin_trylock_once (cs)"),
    riscv=("acquire", "once", "include/asm-generic/qspinlock.h:queued_spin_trylock (ticket: full)"),
)
SPIN_UNLOCK = orders(
    x86=("release", "", "include/asm-generic/qspinlock.h:queued_spin_release (a store)"),
    arm64=("release", "", "include/asm-generic/qspinlock.h:queued_spin_release (_release)"),
    s390=("release", "", "arch/s390/include/asm/spinlock.h:arch_spin_unlock (a store)"),
    riscv=("release", "", "include/asm-generic/qspinlock.h:queued_spin_release (fence rw,w)"),
)

# -- reader-writer semaphores ----------------------------------------------------------------------

DOWN_READ = orders(
    x86=("full", "", "kernel/locking/rwsem.c:rwsem_read_trylock (lock xadd)"),
    arm64=("acquire", "", "kernel/locking/rwsem.c:rwsem_read_trylock (_acquire)"),
    s390=("full", "", "arch/s390/include/asm/atomic.h:arch_atomic64_add_return (laag, bcr)"),
    riscv=("acquire", "", "kernel/locking/rwsem.c:rwsem_read_trylock (_acquire)"),
)
DOWN_READ_TRYLOCK = orders(  # looks first
    x86=("full", "once", "kernel/locking/rwsem.c:__down_read_trylock"),
    arm64=("acquire", "once", "kernel/locking/rwsem.c:__down_read_trylock"),
    s390=("full", "once", "kernel/locking/rwsem.c:__down_read_trylock"),
    riscv=("acquire", "once", "kernel/locking/rwsem.c:__down_read_trylock"),
)
DOWN_WRITE = orders(
    x86=("full", "", "kernel/locking/rwsem.c:rwsem_write_trylock (lock cmpxchg)"),
    arm64=("acquire", "", "kernel/locking/rwsem.c:rwsem_write_trylock (_acquire)"),
    s390=("full", "", "kernel/locking/rwsem.c:rwsem_write_trylock (csg)"),
    riscv=("acquire", "", "kernel/locking/rwsem.c:rwsem_write_trylock (_acquire)"),
)
DOWN_WRITE_TRYLOCK = orders(  # does not look first
    x86=("full", "full", "kernel/locking/rwsem.c:rwsem_write_trylock (lock cmpxchg)"),
    arm64=("acquire", "once", "kernel/locking/rwsem.c:rwsem_write_trylock (_acquire)"),
    s390=("full", "full", "kernel/locking/rwsem.c:rwsem_write_trylock (csg)"),
    riscv=("acquire", "once", "kernel/locking/rwsem.c:rwsem_write_trylock (lr)"),
)
UP = orders(
    x86=("full", "", "kernel/locking/rwsem.c:__up_read, __up_write (lock xadd)"),
    arm64=("release", "", "kernel/locking/rwsem.c:__up_read, __up_write (_release)"),
    s390=("full", "", "arch/s390/include/asm/atomic.h:arch_atomic64_fetch_add (laag, bcr)"),
    riscv=("release", "", "kernel/locking/rwsem.c:__up_read, __up_write (_release)"),
)

# -- mmap_lock's VMAs ------------------------------------------------------------------------------

VMA_START_READ = orders(  # looks first
    x86=("full", "once", "include/linux/refcount.h:__refcount_add_not_zero_limited_acquire"),
    arm64=("acquire", "once", "include/linux/refcount.h:__refcount_add_not_zero_limited_acquire"),
    s390=("full", "once", "include/linux/refcount.h:__refcount_add_not_zero_limited_acquire"),
    riscv=("acquire", "once", "include/linux/refcount.h:__refcount_add_not_zero_limited_acquire"),
)
VMA_END_READ = orders(
    x86=("full", "", "include/linux/refcount.h:__refcount_sub_and_test (lock xadd)"),
    arm64=("release", "", "include/linux/refcount.h:__refcount_sub_and_test (_release)"),
    s390=("full", "", "include/linux/refcount.h:__refcount_sub_and_test (laa, bcr)"),
    riscv=("release", "", "include/linux/refcount.h:__refcount_sub_and_test (_release)"),
)
VMA_EXCLUDE_READERS = orders(
    x86=("full", "", "include/linux/refcount.h:__refcount_add_not_zero (lock cmpxchg)"),
    arm64=("relaxed", "", "include/linux/refcount.h:__refcount_add_not_zero (_relaxed)"),
    s390=("full", "", "include/linux/refcount.h:__refcount_add_not_zero (cs)"),
    riscv=("relaxed", "", "include/linux/refcount.h:__refcount_add_not_zero (_relaxed)"),
)
VMA_END_WRITE_ALL = orders(  # a barrier for stores, then a plain store
    x86=("release", "", "include/linux/seqlock.h:do_raw_write_seqcount_end"),
    arm64=("relaxed", "", "include/linux/seqlock.h:do_raw_write_seqcount_end (dmb ishst)"),
    s390=("release", "", "include/linux/seqlock.h:do_raw_write_seqcount_end"),
    riscv=("relaxed", "", "include/linux/seqlock.h:do_raw_write_seqcount_end (smp_wmb)"),
)

# -- the folio lock --------------------------------------------------------------------------------

FOLIO_LOCK = orders(
    x86=("full", "", "arch/x86/include/asm/bitops.h:arch_test_and_set_bit_lock (lock bts)"),
    arm64=("acquire", "", "include/asm-generic/bitops/lock.h:arch_test_and_set_bit_lock"),
    s390=("full", "", "arch/s390/include/asm/atomic.h:arch_atomic64_fetch_or (laog, bcr)"),
    riscv=("acquire", "", "arch/riscv/include/asm/bitops.h:arch_test_and_set_bit_lock (amoor.aq)"),
)
FOLIO_TRYLOCK = orders(  # the generic one looks first; those of x86 and riscv (amoor.aq) do not
    x86=("full", "full", "arch/x86/include/asm/bitops.h:arch_test_and_set_bit_lock (lock bts)"),
    arm64=("acquire", "once", "include/asm-generic/bitops/lock.h:arch_test_and_set_bit_lock"),
    s390=("full", "once", "include/asm-generic/bitops/lock.h:arch_test_and_set_bit_lock"),
    riscv=("acquire", "acquire", "arch/riscv/include/asm/bitops.h:arch_test_and_set_bit_lock"),
)
FOLIO_UNLOCK = orders(
    x86=("full", "", "arch/x86/include/asm/bitops.h:arch_xor_unlock_is_negative_byte (lock xorb)"),
    arm64=("release", "", "include/asm-generic/bitops/lock.h:arch_xor_unlock_is_negative_byte"),
    s390=("full", "", "arch/s390/include/asm/atomic.h:arch_atomic64_fetch_xor (laxg, bcr)"),
    riscv=("release", "", "arch/riscv/include/asm/bitops.h:arch_xor_unlock_is_negative_byte (.rl)"),
)

# -- atomics ---------------------------------------------------------------------------------------

ATOMIC = orders(  # one that returns nothing, set_bit and clear_bit included
    x86=("full", "", "arch/x86/include/asm/barrier.h:__smp_mb__after_atomic (nothing to add)"),
    arm64=("relaxed", "", "arch/arm64/include/asm/atomic_lse.h:ATOMIC_OP (stadd)"),
    s390=("full", "", "arch/s390/include/asm/barrier.h:__smp_mb__after_atomic (nothing to add)"),
    riscv=("relaxed", "", "arch/riscv/include/asm/atomic.h:ATOMIC_OP (amoadd)"),
)
CMPXCHG = orders(
    x86=("full", "full", "arch/x86/include/asm/cmpxchg.h:arch_cmpxchg (lock cmpxchg)"),
    arm64=("full", "once", "arch/arm64/include/asm/atomic_ll_sc.h:__CMPXCHG_CASE (no dmb)"),
    s390=("full", "full", "arch/s390/include/asm/cmpxchg.h:arch_cmpxchg (cs)"),
    riscv=("full", "once", "arch/riscv/include/asm/cmpxchg.h:__arch_cmpxchg (lr)"),
)
_ADD_UNLESS = "include/linux/atomic/atomic-arch-fallback.h:raw_atomic_fetch_add_unless"
TRY_GET = orders(  # looks first
    x86=("full", "once", _ADD_UNLESS),
    arm64=("full", "once", _ADD_UNLESS),
    s390=("full", "once", _ADD_UNLESS),
    riscv=("full", "once", "arch/riscv/include/asm/atomic.h:arch_atomic_fetch_add_unless (lr)"),
)
ISOLATE_LRU = orders(  # test_and_clear_bit, a full barrier, then folio_get, which may come late
    x86=("full", "full", "arch/x86/include/asm/bitops.h:arch_test_and_clear_bit (lock btr)"),
    arm64=("relaxed", "full", "mm/vmscan.c:folio_isolate_lru"),
    s390=("full", "full", "include/asm-generic/bitops/atomic.h:arch_test_and_clear_bit"),
    riscv=("relaxed", "full", "mm/vmscan.c:folio_isolate_lru (amoand.aqrl, then amoadd)"),
)

# -- entries of page tables ------------------------------------------------------------------------

XCHG_PTE = orders(  # not told apart: s390 only loads and stores an entry that is invalid already
    x86=("full", "", "arch/x86/include/asm/pgtable_64.h:native_ptep_get_and_clear (xchg)"),
    arm64=("relaxed", "", "arch/arm64/include/asm/pgtable.h:__ptep_get_and_clear_anysz"),
    s390=("full", "", "arch/s390/mm/pgtable.c:ptep_xchg_lazy (ipte)"),
    riscv=("full", "", "arch/riscv/include/asm/pgtable.h:ptep_get_and_clear (amoswap.aqrl)"),
)
PTE_ADD_PERMISSIONS = orders(  # riscv: a flush follows only where the CPU has Svvptc
    x86=("plain", "", "arch/x86/mm/pgtable.c:ptep_set_access_flags (set_pte)"),
    arm64=("relaxed", "", "arch/arm64/mm/fault.c:__ptep_set_access_flags_anysz"),
    s390=("full", "", "arch/s390/include/asm/pgtable.h:ptep_set_access_flags (ipte, rdp)"),
    riscv=("once", "", "arch/riscv/mm/pgtable.c:ptep_set_access_flags (set_pte)"),
)
PTE_WRITE_PROTECT = orders(
    x86=("full", "", "arch/x86/include/asm/pgtable.h:ptep_set_wrprotect (lock cmpxchg)"),
    arm64=("relaxed", "", "arch/arm64/include/asm/pgtable.h:___ptep_set_wrprotect"),
    s390=("full", "", "arch/s390/include/asm/pgtable.h:ptep_set_wrprotect (ipte)"),
    riscv=("once", "", "arch/riscv/include/asm/pgtable.h:ptep_set_wrprotect (a load, a store)"),
)
PTE_CLEAR_YOUNG = orders(
    x86=("relaxed", "", "arch/x86/mm/pgtable.c:ptep_test_and_clear_young (only if it is young)"),
    arm64=("relaxed", "", "arch/arm64/include/asm/pgtable.h:__ptep_clear_flush_young (no DSB)"),
    s390=("full", "", "arch/s390/include/asm/pgtable.h:ptep_test_and_clear_young (ipte)"),
    riscv=("relaxed", "", "arch/riscv/mm/pgtable.c:ptep_test_and_clear_young (if young)"),
)
PTE_CLEAR_YOUNG_DIRTY = orders(
    x86=("full", "", "include/linux/pgtable.h:clear_young_dirty_ptes (ptep_get_and_clear)"),
    arm64=("once", "", "arch/arm64/include/asm/pgtable.h:__clear_young_dirty_ptes (__set_pte)"),
    s390=("full", "", "include/linux/pgtable.h:clear_young_dirty_ptes (ptep_get_and_clear)"),
    riscv=("once", "", "include/linux/pgtable.h:clear_young_dirty_ptes (set_pte)"),
)

# -- swap and the page cache -----------------------------------------------------------------------

# The model's step is the whole section under the lock of the cluster: taken as one, for nothing
# but such sections uses what they use.  One that finds nothing to write is only a look.  Where the
# lock is an acquire it is no more: what comes before may sink into it, and meet what comes after.
CLUSTER = orders(
    x86=("full", "once", "mm/swap.h:swap_cluster_lock"),
    arm64=("acquire", "once", "mm/swap.h:swap_cluster_lock (queued_spin_lock)"),
    s390=("full", "once", "mm/swap.h:swap_cluster_lock"),
    riscv=("acquire", "once", "mm/swap.h:swap_cluster_lock (queued_spin_lock)"),
)
XARRAY = orders(  # the same of a section under the lock of a page cache
    x86=("full", "once", "mm/shmem.c:shmem_mfill_filemap_add (xas_lock_irq)"),
    arm64=("acquire", "once", "mm/shmem.c:shmem_mfill_filemap_add (queued_spin_lock)"),
    s390=("full", "once", "mm/shmem.c:shmem_mfill_filemap_add (xas_lock_irq)"),
    riscv=("acquire", "once", "mm/shmem.c:shmem_mfill_filemap_add (queued_spin_lock)"),
)
SWAP_CACHE_GET = orders(  # a look at the table of the cluster, then folio_try_get
    x86=("full", "once", "mm/swap_state.c:swap_cache_get_folio"),
    arm64=("full", "once", "mm/swap_state.c:swap_cache_get_folio"),
    s390=("full", "once", "mm/swap_state.c:swap_cache_get_folio"),
    riscv=("full", "once", "mm/swap_state.c:swap_cache_get_folio"),
)
