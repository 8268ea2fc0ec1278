# SPDX-License-Identifier: GPL-2.0-only
"""The world of an mremap: a VMA, the copy of it that copy_vma() has made, and one page table.

The table has two places: it is under the PMD entry of the old VMA at first, and may be moved under
that of the new one; so has a second table, which is free at first, and of a file, whose tables may
be taken away, a third.  The model has some of the 512 entries of each.
"""

from __future__ import annotations

from dataclasses import replace

from model.cast.parts import Blueprint, Parts, Plan, Setup
from model.cast.worlds import share_with_child
from model.hw.objects import PteKind, PteVal
from model.kernel.objects import GUP_PIN, Mapping, Swap


def _mremap(plan: Plan) -> Setup:
    """A VMA of one mm and its copy, which has the same anon_vma and page indices, so that a walk
    of the reverse map looks at both: at the old one first, unless "new_first" is needed.

    With "split" for the axis `locks` each table has a lock and each PMD entry lies in a page with a
    lock of its own; with "one_pml" both PMD entries lie in one page; with "mm" everything has the
    lock of the mm (USE_SPLIT_PTE_PTLOCKS off).  "second" is another VMA with its copy, which maps
    nothing and has an anon_vma of its own: the PMD entry of the old one lies beside that of the
    first new one, and the other way round.  A child that was forked before is in the tree of the
    parent's anon_vma.  With "file" the VMAs are of a file to which nobody has written: they have no
    anon_vma, and nothing is mapped.  With "private_file" they are of a file, and the pages are
    copies of its pages.
    """
    pages, needs, locks = plan.axes["pages"], plan.needs, plan.axes["locks"]
    child = {"child": pages} if "child" in needs else {}
    second = {"old2": pages, "new2": pages} if "second" in needs else {}
    b = Parts(plan, {"old": pages, "new": pages, **child, **second})
    old_ptl = b.lock("page_table_lock" if locks == "mm" else "old.ptl")
    new_ptl = old_ptl if locks == "mm" else b.lock("new.ptl")
    old_pml = {"mm": lambda: old_ptl, "one_pml": lambda: b.lock("pml"),
               "split": lambda: b.lock("old.pml")}[locks]()  # fmt: skip
    new_pml = b.lock("new.pml") if locks == "split" else old_pml
    child_locks = (b.lock("child.ptl"), b.lock("child.pml")) if child else None
    folios = b.folios(pages, "spare_page" in needs)
    threads = b.processors()
    mapped = needs & {"file", "private_file"}
    file = b.w.new(Mapping, "file", i_mmap_rwsem=b.sem("i_mmap")) if mapped else None
    anon = b.anon_vma("anon_vma", b.sem("anon_vma"), 1)
    trees = [] if "file" in needs else [anon]
    regions = {"old": (old_ptl, old_pml), "new": (new_ptl, new_pml)}
    if second:
        ptl = {r: old_ptl if locks == "mm" else b.lock(f"{r}.ptl") for r in second}
        regions |= {"old2": (ptl["old2"], new_pml), "new2": (ptl["new2"], old_pml)}
    mm = b.mm("mm", regions, empty=("new", "new2"))
    for source, destination in zip(*[iter(regions)] * 2, strict=True):
        used = mm.root.pmds[b.spans[source][0]].table
        assert used is not None
        spare = b.table(destination, regions[destination][0], spare=True)
        b.movable(mm.root, used, source, destination)
        b.movable(mm.root, spare, destination, source)
    if "file" in needs:
        b.movable(mm.root, b.table("old", old_ptl, spare=True), "old", "new")
    order = ("new", "old") if "new_first" in needs else ("old", "new")
    shifts = {"old": 0, "new": b.spans["new"][0] - b.spans["old"][0]}
    roles = {r: b.vma(r, mm, trees, shift=shifts[r], file=file) for r in order}
    if second:
        shift = b.spans["new2"][0] - b.spans["old2"][0]
        theirs = [b.anon_vma("anon_vma2", b.sem("anon_vma2"), 2)]
        roles["old2"] = b.vma("old2", mm, theirs)
        roles["new2"] = b.vma("new2", mm, theirs, shift=shift)
    if child_locks is not None:
        forked = b.mm("child", {"child": child_locks})
        own = b.anon_vma("child.anon_vma", anon.rwsem, 1)
        roles["child"] = b.vma(
            "child", forked, [anon, own], own=own, shift=b.spans["child"][0], writable=False
        )
    made = Setup(b.w, plan, roles, threads, {"mm": b.user(mm)}, folios[pages:])
    if "file" not in needs:
        for page in range(pages):
            made.map_anon(folios[page], roles["old"], roles["old"].start + page)
    return made


MREMAP = Blueprint(
    _mremap,
    roles={
        "old": "old VMA",
        "new": "new VMA",
        "child": "child's copy of the old VMA",
        "old2": "second old VMA",
        "new2": "second new VMA",
    },
    processes={"child": "child"},
    always=frozenset({"spare_page"}),
    apart=frozenset({"file"}),
)


# -- states to begin in ----------------------------------------------------------------------------


def as_is(_: Setup) -> None:
    pass


def _last(s: Setup) -> int:
    last: int = s.axis("pages") - 1
    return last


def clean(s: Setup) -> None:
    for page in range(s.axis("pages")):
        s.pte("old", page).val = replace(s.pte("old", page).val, dirty=False)
        s.folio(page).frame.modified = False


def pinned(s: Setup) -> None:
    folio = s.folio(_last(s))
    folio.refcount = folio.refcount + GUP_PIN
    folio.pinned_at[s.vma("old").start + _last(s)] = 1


def shared(s: Setup) -> None:
    share_with_child(s, "old", _last(s))


def hole(s: Setup) -> None:
    s.take_out("old", _last(s))


def swapped_out(s: Setup) -> None:
    slot = s.world.all(Swap)[0]
    s.take_out("old", _last(s))
    slot.count = 1
    s.pte("old", _last(s)).val = PteVal(kind=PteKind.SWAP, entry=slot.number, exclusive=True)
