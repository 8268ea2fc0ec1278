# SPDX-License-Identifier: GPL-2.0-only
"""A family in a world of two processes: a page that both map is unmapped from both, and freed."""

from __future__ import annotations

from model.cast.cast_set import CastSet
from model.cast.casts import Axis, Initial, Subject
from model.cast.neighbours import GUP_FAST
from model.cast.parts import Blueprint, Parts, Plan, Setup, entry_at
from model.kernel.folio import folio_put, folio_remove_rmap_pte, vm_normal_folio
from model.kernel.objects import Vma
from model.kernel.pgtable import (
    pte_offset_map_lock,
    pte_unmap_unlock,
    ptep_get_and_clear,
)
from model.kernel.rmap import pmd_of
from model.kernel.tlbflush import flush_tlb_page
from model.lang import kernel
from model.patches.family import Family, Function, Variant


def _world(plan: Plan) -> Setup:
    b = Parts(plan, {"parent": 1, "child": 1})
    locks = {name: (b.lock(f"{name}.ptl"), b.lock(f"{name}.pml")) for name in b.regions}
    folios, threads = b.folios(1), b.processors()
    lock = b.sem("anon_vma")
    root, own = b.anon_vma("A.parent", lock, 1), b.anon_vma("A.child", lock, 1)
    parent, child = (b.mm(name, {name: locks[name]}) for name in b.regions)
    roles = {
        "parent": b.vma("parent", parent, [root]),
        "child": b.vma("child", child, [root, own], own=own, shift=b.spans["child"][0]),
    }
    users = {mm.name: b.user(mm) for mm in (parent, child)}
    made = Setup(b.w, plan, roles, threads, users)
    made.map_anon(folios[0], roles["parent"], roles["parent"].start, write=False)
    folios[0].anon_exclusive = False
    folios[0].refcount = folios[0].mapcount = 2
    entry_at(roles["child"], roles["child"].start).val = made.pte("parent", 0).val
    return made


@kernel("mm/rmap.c:try_to_unmap_one", "one page")
def unmap_page(vma: Vma, flushed: Vma) -> None:
    """Clear the entry, flush, and give the page's reference back."""
    pte = pte_offset_map_lock(pmd_of(vma), vma.start)
    if pte is None:
        return
    pteval = ptep_get_and_clear(vma.mm, vma.start, pte)
    folio = vm_normal_folio(pteval)
    flush_tlb_page(flushed, flushed.start)
    if folio is not None:
        folio_remove_rmap_pte(folio)
        folio_put(folio)
    pte_unmap_unlock(pte)


@kernel("mm/rmap.c:try_to_unmap", "one page")
def unmap_from_both(parent: Vma, child: Vma) -> int:
    unmap_page(parent, parent)
    unmap_page(child, child)
    return 1


@kernel("mm/rmap.c:try_to_unmap", "one page, the wrong flush")
def parent_flushed_twice(parent: Vma, child: Vma) -> int:
    unmap_page(parent, parent)
    unmap_page(child, parent)
    return 1


@kernel("mm/rmap.c:try_to_unmap", "one page, the wrong flush")
def child_flushed_twice(parent: Vma, child: Vma) -> int:
    unmap_page(parent, child)
    unmap_page(child, child)
    return 1


FORKED = Blueprint(
    _world, {"parent": "parent's", "child": "child's"}, home="parent", processes={"child": "child"}
)
UNMAP = Subject("unmap", "unmap a page from both", lambda s: (s.vma("parent"), s.vma("child")))


def _as_it_is(_: Setup) -> None:
    """Both map the page."""


def _version(name: str, routine: Function) -> Variant:
    return Variant(name, name.replace("_", " "), "7.3.4", {"unmap": routine}, "forked.py")


FAMILY = Family(
    name="forked", title="a page that two processes map", asks="is each of them flushed?",
    left_out="everything else",
    variants=(
        _version("right", unmap_from_both),
        _version("parent_twice", parent_flushed_twice),
        _version("child_twice", child_flushed_twice),
    ),
    before="right", after="right",
    casts=CastSet(
        FORKED, (UNMAP,), (Axis("pages", (1,), (1,), "{}p", "page"),),
        neighbours=(GUP_FAST.at("parent"), GUP_FAST.at("child", "gup_fast_child")),
        initial=(Initial("mapped", "both map the page", _as_it_is),), pair_initial=("mapped",),
    ),
)  # fmt: skip
