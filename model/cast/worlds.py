# SPDX-License-Identifier: GPL-2.0-only
"""Worlds that several families use."""

from __future__ import annotations

from dataclasses import replace

from .parts import Blueprint, Parts, Plan, Setup, entry_at

NEEDS = ("spare_page", "spare_table", "child", "zero_page", "other_anon_vma", "other_root")
"""Parts that a cast may ask for besides the two VMAs."""


def _two_vmas(plan: Plan) -> Setup:
    """Two anonymous VMAs of one mm, their tables, folios and CPUs.

    The source maps as many pages as the axis `pages` says, the destination none.  With "same" for
    the axis `ptl` one lock serves both tables, as when both ranges lie in one table, or where
    tables have no locks of their own (USE_SPLIT_PTE_PTLOCKS off).  What a cast does not need is not
    made: a spare page, a spare table, a forked child, the zero page, further anon_vmas.  Both VMAs
    of the mm are registered for write protection, which UFFDIO_WRITEPROTECT needs.  The child has
    made its VMA read-only; UFFDIO_MOVE takes no such VMA (mm/userfaultfd.c:validate_move_areas).
    """
    pages, needs = plan.axes["pages"], plan.needs
    same = plan.axes["ptl"] == "same"
    child = {"child": pages} if "child" in needs else {}
    b = Parts(plan, {"src": pages, "dst": pages, **child})
    src_ptl = b.lock("ptl" if same else "src.ptl")
    dst_ptl = src_ptl if same else b.lock("dst.ptl")
    pml = b.lock("mm.pml")
    child_locks = (b.lock("child.ptl"), b.lock("child.pml")) if child else None
    folios = b.folios(pages, "spare_page" in needs, zero_page="zero_page" in needs)
    threads = b.processors()
    src_root, dst_root = b.sem("src.anon_vma"), b.sem("dst.anon_vma")
    src_anon, dst_anon = (
        b.anon_vma("src.anon_vma", src_root, 1),
        b.anon_vma("dst.anon_vma", dst_root, 2),
    )
    src_trees = [src_anon]
    if "other_anon_vma" in needs:
        src_trees.append(b.anon_vma("parent.anon_vma", src_root, 1))
    if "other_root" in needs:
        src_trees.append(b.anon_vma("alien.anon_vma", b.sem("alien.anon_vma"), 3))
    mm = b.mm("mm", {"src": (src_ptl, pml), "dst": (dst_ptl, pml)})
    roles = {
        "src": b.vma("src", mm, src_trees, uffd_wp=True),
        "dst": b.vma("dst", mm, [dst_anon], uffd_wp=True),
    }
    if child_locks is not None:
        theirs = b.mm("child", {"child": child_locks})
        own = b.anon_vma("child.anon_vma", src_root, 1)
        roles["child"] = b.vma(
            "child", theirs, [src_anon, own], own=own, shift=b.spans["child"][0], writable=False
        )
    if "spare_table" in needs:
        for region, ptl in (("dst", dst_ptl), ("src", src_ptl)):
            b.table(region, ptl if same else b.lock(f"{region}.ptl'"), spare=True)
    made = Setup(b.w, plan, roles, threads, {"mm": b.user(mm)}, folios[pages:])
    for page in range(pages):
        made.map_anon(folios[page], roles["src"], roles["src"].start + page)
    return made


TWO_VMAS = Blueprint(
    _two_vmas,
    roles={"src": "source", "dst": "destination", "child": "child's copy of the source"},
    processes={"child": "child"},
    always=frozenset({"spare_page", "spare_table"}),
    # Neighbours alone begin in many states; pairs would be slower for these.
    alone=frozenset({"child", "zero_page", "other_anon_vma"}),
)


def share_with_child(s: Setup, role: str, page: int) -> None:
    """The state after fork: parent and child map the page, read-only, and it is not exclusive."""
    folio = s.folio(page)
    folio.anon_exclusive = False
    folio.refcount = folio.refcount + 1
    folio.mapcount = folio.mapcount + 1
    mine = s.pte(role, page)
    mine.val = replace(mine.val, write=False)
    child = s.vma("child")
    entry_at(child, child.start + page).val = mine.val
