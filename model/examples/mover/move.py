# SPDX-License-Identifier: GPL-2.0-only
"""The mover of `mover`: batches under the anon_vma lock and both page-table locks."""

from __future__ import annotations

from model.lang import pure, rule, wait_until

from .objects import Mover, MoverAt, Page, Range, Who


@rule
def move_again(m: Mover) -> None:
    wait_until(m.at == MoverAt.AGAIN)
    m.at = MoverAt.PICK


@rule
def move_skip(m: Mover, p: Page) -> None:
    """Nothing is mapped."""
    wait_until(m.at == MoverAt.PICK and m.page == p and not p.src)
    m.page = p.next
    m.at = MoverAt.AGAIN


@rule
def move_lock_folio(m: Mover, p: Page) -> None:
    wait_until(m.at == MoverAt.PICK and m.page == p and p.src and p.lock == Who.NOBODY)
    p.lock = Who.MOVER
    p.refs = p.refs + 1
    m.at = MoverAt.ANON_VMA


@rule
def move_over(m: Mover, r: Range) -> None:
    wait_until(m.at == MoverAt.PICK and m.page is None)
    m.page = r.first
    m.at = MoverAt.OVER


@rule
def move_lock_anon_vma(m: Mover, r: Range) -> None:
    wait_until(m.at == MoverAt.ANON_VMA and r.anon_vma == Who.NOBODY)
    r.anon_vma = Who.MOVER
    m.at = MoverAt.DST_PTL


@rule
def move_lock_dst(m: Mover, r: Range) -> None:
    wait_until(m.at == MoverAt.DST_PTL and r.dst_ptl == Who.NOBODY)
    r.dst_ptl = Who.MOVER
    m.at = MoverAt.SRC_PTL


@rule
def move_lock_src(m: Mover, r: Range) -> None:
    wait_until(m.at == MoverAt.SRC_PTL and r.src_ptl == Who.NOBODY)
    r.src_ptl = Who.MOVER
    m.at = MoverAt.CHECK


@rule
def move_give_up(m: Mover, r: Range, p: Page) -> None:
    """The entries are not what they were, or the page is pinned."""
    wait_until(m.at == MoverAt.CHECK and m.page == p and (not p.src or p.dst or p.pinned))
    p.refs = p.refs - 1
    p.lock = Who.NOBODY
    r.src_ptl = Who.NOBODY
    r.dst_ptl = Who.NOBODY
    r.anon_vma = Who.NOBODY
    m.page = p.next
    m.at = MoverAt.AGAIN


@rule
def move_begin(m: Mover, p: Page) -> None:
    wait_until(m.at == MoverAt.CHECK and m.page == p and p.src and not p.dst and not p.pinned)
    m.batch = p
    m.at = MoverAt.CLEAR


@rule
def move_clear(m: Mover, p: Page) -> None:
    wait_until(m.at == MoverAt.CLEAR and m.page == p)
    p.src = False
    m.at = MoverAt.PINS


@rule
def move_put_back(m: Mover, p: Page) -> None:
    """GUP-fast came first."""
    wait_until(m.at == MoverAt.PINS and m.page == p and p.pinned)
    p.src = True
    p.stale_src = True
    p.lock = Who.NOBODY
    p.refs = p.refs - 1
    m.at = MoverAt.FLUSH


@rule
def move_folio(m: Mover, p: Page) -> None:
    wait_until(m.at == MoverAt.PINS and m.page == p and not p.pinned)
    p.at_dst = True
    m.at = MoverAt.SET


@rule
def move_set(m: Mover, r: Range, p: Page) -> None:
    wait_until(m.at == MoverAt.SET and m.page == p)
    p.dst = True
    p.stale_dst = True
    p.refs = p.refs - 1
    p.lock = Who.NOBODY
    r.moved = r.moved + 1
    m.page = p.next
    m.at = MoverAt.NEXT


@pure
def joins(p: Page) -> bool:
    """Whether a page may go with the batch, nothing being waited for."""
    return p.src and not p.dst and p.lock == Who.NOBODY and not p.pinned


@rule
def move_next(m: Mover, p: Page) -> None:
    wait_until(m.at == MoverAt.NEXT and m.page == p and joins(p))
    p.lock = Who.MOVER
    p.refs = p.refs + 1
    m.at = MoverAt.CLEAR


@rule
def move_no_more(m: Mover, p: Page) -> None:
    wait_until(m.at == MoverAt.NEXT and m.page == p and not joins(p))
    m.at = MoverAt.FLUSH


@rule
def move_last(m: Mover) -> None:
    wait_until(m.at == MoverAt.NEXT and m.page is None)
    m.at = MoverAt.FLUSH


@rule
def move_flush(m: Mover, r: Range, p: Page) -> None:
    """What is still there, because it was put back, is not flushed."""
    wait_until(m.at == MoverAt.FLUSH and m.batch == p and m.page != p)
    if r.flushes and not p.src:
        p.stale_src = False
    m.batch = p.next


@rule
def move_flushed(m: Mover, r: Range) -> None:
    wait_until(m.at == MoverAt.FLUSH and m.batch == m.page)
    m.batch = r.first
    m.at = MoverAt.FLUSHED


@rule
def move_unlock(m: Mover) -> None:
    wait_until(m.at == MoverAt.FLUSHED)
    m.at = MoverAt.UNLOCK_SRC


@rule
def move_unlock_src(m: Mover, r: Range) -> None:
    wait_until(m.at == MoverAt.UNLOCK_SRC)
    r.src_ptl = Who.NOBODY
    m.at = MoverAt.UNLOCK_DST


@rule
def move_unlock_dst(m: Mover, r: Range) -> None:
    wait_until(m.at == MoverAt.UNLOCK_DST)
    r.dst_ptl = Who.NOBODY
    m.at = MoverAt.UNLOCK_ANON


@rule
def move_unlock_anon_vma(m: Mover, r: Range) -> None:
    wait_until(m.at == MoverAt.UNLOCK_ANON)
    r.anon_vma = Who.NOBODY
    m.at = MoverAt.AGAIN


MOVE = (
    move_again, move_skip, move_lock_folio, move_over, move_lock_anon_vma, move_lock_dst,
    move_lock_src, move_give_up, move_begin, move_clear, move_put_back, move_folio, move_set,
    move_next, move_no_more, move_last, move_flush, move_flushed, move_unlock, move_unlock_src,
    move_unlock_dst, move_unlock_anon_vma,
)  # fmt: skip
