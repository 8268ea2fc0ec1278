"""A family of one's own: a page is unmapped, and freed once nobody can reach it.

check-invariants docs/example_family.py --arch x86_64
"""

from __future__ import annotations

from dataclasses import replace

from model.cast.cast_set import CastSet
from model.cast.casts import Axis, Initial, Subject
from model.cast.neighbours import GUP_FAST, USER
from model.cast.parts import Blueprint, Parts, Plan, Setup
from model.kernel.folio import folio_put, folio_remove_rmap_pte, vm_normal_folio
from model.kernel.objects import Vma
from model.kernel.pgtable import pte_offset_map_lock, pte_unmap_unlock, ptep_get_and_clear
from model.kernel.rmap import pmd_of
from model.kernel.tlbflush import flush_tlb_page
from model.lang import kernel
from model.lang.edits import drop, move_after
from model.patches.family import Family, Variant
from model.patches.mutant import mutant


@kernel("mm/memory.c:zap_pte_range", "one page, flushed at once")
def unmap_page(vma: Vma) -> int:
    """The kernel's function, a call a statement; gives how many pages it unmapped."""
    pte = pte_offset_map_lock(pmd_of(vma), vma.start)
    if pte is None:
        return 0
    pteval = ptep_get_and_clear(vma.mm, vma.start, pte)
    folio = vm_normal_folio(pteval)
    flush_tlb_page(vma, vma.start)
    if folio is not None:
        folio_remove_rmap_pte(folio)
        folio_put(folio)
    pte_unmap_unlock(pte)
    return 1


def _world(plan: Plan) -> Setup:
    """An mm with one VMA, and a CPU that runs its user code."""
    b = Parts(plan, {"area": plan.axes["pages"]})
    ptl, pml = b.lock("area.ptl"), b.lock("mm.pml")
    folios, threads = b.folios(plan.axes["pages"]), b.processors()
    anon_vma = b.anon_vma("A", b.sem("anon_vma"), root=1)
    mm = b.mm("mm", {"area": (ptl, pml)})
    area = b.vma("area", mm, [anon_vma])
    made = Setup(b.w, plan, {"area": area}, threads, {"mm": b.user(mm)})
    for page, folio in enumerate(folios):
        made.map_anon(folio, area, area.start + page)
    return made


def _as_built(_: Setup) -> None:
    """Every page is mapped."""


def _read_only(s: Setup) -> None:
    """Nobody may write to the first page."""
    entry = s.pte("area", 0)
    entry.val = replace(entry.val, write=False)


FAMILY = Family(
    name="unmap_one",
    title="a page is unmapped and freed",
    asks="can a CPU still use the page when it is free?",
    left_out="mmu_gather, which flushes for many pages at once",
    variants=(Variant("one", "flushed page by page", "7.3.4", {"unmap": unmap_page}, __file__),),
    before="one", after="one",
    no_system_call={"unmap": "the reference MM unmaps as the kernel does, with mmu_gather"},
    never={
        "example_family.py:unmap_page:if pte is None::yes": "nobody frees the table",
        "example_family.py:unmap_page:if folio is not None::no": "every page here has a folio",
    },
    casts=CastSet(
        Blueprint(_world, roles={"area": "area"}),
        (Subject("unmap", "the first page is unmapped", lambda s: (s.vma("area"),)),),
        axes=(Axis("pages", (1, 2), default=(1,), spell="{}p", noun="page"),),
        neighbours=(USER, GUP_FAST.at("area")),
        initial=(Initial("mapped", "every page is mapped", _as_built),
                 Initial("read_only", "the first page is mapped read-only", _read_only)),
        pair_initial=("mapped",),
    ),
    mutants=(
        mutant("no flush", "nothing is flushed", drop("flush_tlb_page", in_="unmap_page"),
               breaks="no_translation_to_a_free_page flushed_before_ptl_is_released "
               "nothing_removed_is_used_after_return",
               cast="unmap/1p/init=mapped", variant="one"),
        mutant("late flush", "the flush comes after the lock is dropped",
               move_after("flush_tlb_page", "pte_unmap_unlock", in_="unmap_page"),
               breaks="no_translation_to_a_free_page flushed_before_ptl_is_released",
               cast="unmap/1p/init=mapped", variant="one"),
    ),
)  # fmt: skip
