# SPDX-License-Identifier: GPL-2.0-only
"""Large folios of the reference MM: their pages as the routines of small folios take them.

The models know one object, Folio, where the kernel has a page and its folio.  A page of a large
folio is such an object too: what belongs to the folio is the head's, by whichever page it is asked
for; the map count of a page and PageAnonExclusive are its own.  Once the folio is split, each of
them is a folio like any other.
"""

from __future__ import annotations

from collections.abc import Mapping as Dict
from typing import TYPE_CHECKING, Any

from model.hw.objects import Addr, Frame, Pmd, PteVal
from model.kernel.anon.fault import wp_can_reuse_anon_folio
from model.kernel.errno import EAGAIN, EBUSY
from model.kernel.folio import (
    folio_maybe_dma_pinned,
    folio_ref_add_pin,
    gup_put_folio,
    release,
    split_folio,
)
from model.kernel.huge.memory import folio_alloc_pmd, split_huge_pmd
from model.kernel.huge.pmd import huge_zero_page
from model.kernel.huge.split import (
    folio_add_pin,
    folio_has_one_mapping,
    folio_mapped_shared,
    maybe_dma_pinned,
    split_large_folio,
    split_unmapped_folio,
    wp_can_reuse_large_anon_folio,
)
from model.kernel.objects import GUP_PIN, Folio, Mm, Vma
from model.lang import current, kernel, pure, static, step
from model.lang.declare import ModelFunction

if TYPE_CHECKING:
    from .universe import Universe


class MmIds:
    """Which mms map a large folio: two slots of the folio, and FOLIO_MM_IDS_SHARED.

    include/linux/rmap.h:folio_add_return_large_mapcount and folio_sub_return_large_mapcount, 7.3.4,
    which are exact while no third mm comes.
    """

    def __init__(self) -> None:
        self._slots: list[tuple[Mm | None, int]] = [(None, 0), (None, 0)]
        self._total = 0
        self.shared = False

    def add(self, mm: Mm, count: int) -> None:
        self._total += count
        for wanted in (mm, None):
            for n, (owner, maps) in enumerate(self._slots):
                if owner is wanted:
                    self._slots[n] = (mm, maps + count)
                    self.shared = self.shared or (owner is None and self._total != count)
                    return

    def sub(self, mm: Mm, count: int) -> None:
        self._total -= count
        for n, (owner, maps) in enumerate(self._slots):
            if owner is mm:
                self._slots[n] = (mm, maps - count) if maps > count else (None, 0)
                if maps > count:
                    return
        if self._total in (maps for _, maps in self._slots):
            self.shared = False


def _of_the_head(name: str) -> Any:
    """A field that the folio has, not the page."""

    def get(page: PageOf) -> Any:
        return page.head.__dict__[name]

    def put(page: PageOf, value: Any) -> None:
        page.head.__dict__[name] = value

    return property(get, put)


class PageOf(Folio):
    """A page of a large folio, or of one that has been split."""

    world: Universe
    head: PageOf
    place: int
    group: tuple[PageOf, ...]
    """All pages of its folio."""
    ids: MmIds
    """Of a head."""

    refcount = _of_the_head("refcount")
    locked_by = _of_the_head("locked_by")
    mapping = _of_the_head("mapping")
    lru = _of_the_head("lru")
    dirty = _of_the_head("dirty")
    lazyfree = _of_the_head("lazyfree")
    swap = _of_the_head("swap")
    pincount = _of_the_head("pincount")

    def join(self, pages: tuple[PageOf, ...], place: int) -> None:
        """Become the page at a place of a new folio of these pages."""
        self.group, self.head, self.place = pages, pages[0], place
        self.__dict__.update(pages=pages, maps=0)
        self.ids = MmIds()

    def leave(self) -> None:
        """Become a folio of its own, mapped by nobody, with one reference."""
        index, head = self.index, self.head
        self.__dict__.update(
            refcount=1, locked_by=head.locked_by, mapping=head.mapping, index=index, large=False,
            lru=True, dirty=head.dirty, lazyfree=head.lazyfree, entire_mapcount=0, pincount=0,
        )  # fmt: skip
        self.group, self.head, self.place = (self,), self, 0

    @property
    def free(self) -> bool:
        found: bool = self.__dict__["free"]
        return found

    @free.setter
    def free(self, value: bool) -> None:
        for page in self.group:
            page.__dict__["free"] = value

    @property
    def index(self) -> int:
        """The index of the page; setting it sets the folio's."""
        first: int = self.head.__dict__["index"]
        return first + self.place

    @index.setter
    def index(self, value: int) -> None:
        self.head.__dict__["index"] = value

    @property
    def mapcount(self) -> int:
        """folio_mapcount: entries of all pages of the folio, and leaves.  What is added to it
        through a page is an entry of that page."""
        entries: int = sum(page.__dict__["maps"] for page in self.group)
        return entries + self.entire_mapcount

    @mapcount.setter
    def mapcount(self, value: int) -> None:
        more = value - self.mapcount
        self.__dict__["maps"] += more
        self._told(more * self.world.arena.scale)

    @property
    def entire_mapcount(self) -> int:
        found: int = self.head.__dict__["entire_mapcount"]
        return found

    @entire_mapcount.setter
    def entire_mapcount(self, value: int) -> None:
        more = value - self.entire_mapcount
        self.head.__dict__["entire_mapcount"] = value
        self._told(more)

    @property
    def page_mapcount(self) -> int:
        """folio_precise_page_mapcount: entries and leaves that map this page."""
        own: int = self.__dict__["maps"]
        return own + self.entire_mapcount

    def _told(self, more: int) -> None:
        mm = self.world.acting
        assert mm is not None, "somebody acts"
        if more > 0:
            self.head.ids.add(mm, more)
        elif more < 0:
            self.head.ids.sub(mm, -more)


# -- what takes the place of routines for small folios ---------------------------------------------


@step("mm/gup.c:gup_put_folio", "7.3.4", order="full", traits="ref put")
def put_pin(folio: Folio, count: int = GUP_PIN) -> None:
    """Take back a pin."""
    if folio.large:
        folio.pincount = folio.pincount - 1
        count = 1
    release(folio, count)


@step("mm/memory.c:__wp_can_reuse_large_anon_folio", "7.3.4")
def never_one_mapping(_folio: Folio) -> bool:
    """A page stands for many base pages, so that one that is mapped alone is none."""
    return False


@step("include/linux/mm.h:folio_maybe_mapped_shared", "7.3.4")
def mapped_shared(folio: Folio) -> bool:
    assert isinstance(folio, PageOf)
    return folio.head.ids.shared


_reuses_small = wp_can_reuse_anon_folio.fn


@kernel("mm/memory.c:wp_can_reuse_anon_folio", "7.3.4")
def wp_can_reuse(folio: Folio, vma: Vma) -> bool:
    if folio.large:
        return wp_can_reuse_large_anon_folio(folio)
    return _reuses_small(folio, vma)


@kernel("mm/userfaultfd.c:move_pages_ptes", "7.3.4")
def split_or_busy(folio: Folio) -> int:
    """split_folio as UFFDIO_MOVE calls it: who has a reference may keep it for ever (the models of
    the move, which never see that fail, have not got this)."""
    err = split_large_folio(folio)
    return -EBUSY if err == -EAGAIN else err


@step("mm/huge_memory.c:__split_unmapped_folio", "7.3.4")
def split_unmapped(folio: Folio) -> None:
    assert isinstance(folio, PageOf)
    for page in reversed(folio.group):  # the head's last, the others look at it
        page.leave()


_splits = split_huge_pmd.fn


@kernel("mm/huge_memory.c:__split_huge_pmd", "7.3.4")
def split_on_behalf(vma: Vma, pmd: Pmd, haddr: Addr) -> None:
    """The entries are those of the VMA's mm, whoever acts (fork splits a leaf of the parent)."""
    world: Universe = current().world
    acting, world.acting = world.acting, vma.mm
    _splits(vma, pmd, haddr)
    world.acting = acting


@step("mm/huge_memory.c:vma_alloc_anon_folio_pmd", "7.3.4")
def alloc_pmd() -> Folio | None:
    made: Folio = current().world.large_folio()
    return made


@static
def huge_zero() -> Frame:
    found: Frame = current().world.huge_zero
    return found


@pure
def head_of_entry(val: PteVal) -> Folio | None:
    """vm_normal_folio where the folio is meant and not the page: its head."""
    if val.frame is None or val.frame.zero:
        return None
    folio: Folio = val.frame.folio
    return folio.head if isinstance(folio, PageOf) else folio


LARGE: Dict[ModelFunction[..., Any], ModelFunction[..., Any]] = {
    folio_ref_add_pin: folio_add_pin,
    folio_maybe_dma_pinned: maybe_dma_pinned,
    gup_put_folio: put_pin,
    wp_can_reuse_anon_folio: wp_can_reuse,
    split_folio: split_or_busy,
    split_huge_pmd: split_on_behalf,
    split_unmapped_folio: split_unmapped,
    folio_has_one_mapping: never_one_mapping,
    folio_mapped_shared: mapped_shared,
    folio_alloc_pmd: alloc_pmd,
    huge_zero_page: huge_zero,
}
"""In an arena with huge pages, what runs in the place of what."""
