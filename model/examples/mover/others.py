# SPDX-License-Identifier: GPL-2.0-only
"""What races with the mover: GUP-fast, an rmap walk and a zap, for ever."""

from __future__ import annotations

from model.lang import pure, rule, wait_until

from .objects import Gup, GupAt, Page, Range, Side, Walk, WalkAt, Who, Zap, ZapAt


@rule
def gup_again(g: Gup, r: Range) -> None:
    wait_until(g.at == GupAt.AGAIN)
    g.page = r.first
    g.side = Side.NONE
    g.at = GupAt.READ


@rule
def gup_read_src(g: Gup, p: Page) -> None:
    wait_until(g.at == GupAt.READ and p.src)
    g.page = p
    g.side = Side.SRC
    g.at = GupAt.PIN


@rule
def gup_read_dst(g: Gup, p: Page) -> None:
    wait_until(g.at == GupAt.READ and p.dst)
    g.page = p
    g.side = Side.DST
    g.at = GupAt.PIN


@rule
def gup_pin(g: Gup, p: Page) -> None:
    wait_until(g.at == GupAt.PIN and g.page == p and p.refs > 0)
    p.refs = p.refs + 1
    p.pinned = True
    g.at = GupAt.CHECK


@rule
def gup_no_folio(g: Gup, r: Range, p: Page) -> None:
    wait_until(g.at == GupAt.PIN and g.page == p and p.refs == 0)
    g.page = r.first
    g.side = Side.NONE
    g.at = GupAt.AGAIN


@pure
def still_there(g: Gup, p: Page) -> bool:
    """The entry is the one that was read."""
    return p.src if g.side == Side.SRC else p.dst


@rule
def gup_changed(g: Gup, p: Page) -> None:
    wait_until(g.at == GupAt.CHECK and g.page == p and not still_there(g, p))
    p.refs = p.refs - 1
    p.pinned = False
    g.at = GupAt.AGAIN


@rule
def gup_take(g: Gup, p: Page) -> None:
    wait_until(g.at == GupAt.CHECK and g.page == p and still_there(g, p))
    g.at = GupAt.USE


@rule
def gup_put(g: Gup, p: Page) -> None:
    wait_until(g.at == GupAt.USE and g.page == p)
    p.refs = p.refs - 1
    p.pinned = False
    g.at = GupAt.AGAIN


@rule
def walk_again(w: Walk, r: Range) -> None:
    wait_until(w.at == WalkAt.AGAIN)
    w.page = r.first
    w.to_dst = False
    w.at = WalkAt.FOLIO


@rule
def walk_lock_folio(w: Walk, p: Page) -> None:
    wait_until(w.at == WalkAt.FOLIO and p.lock == Who.NOBODY and not p.freed)
    w.page = p
    p.lock = Who.WALK
    w.at = WalkAt.READ


@rule
def walk_read(w: Walk, p: Page) -> None:
    wait_until(w.at == WalkAt.READ and w.page == p)
    w.to_dst = p.at_dst
    w.at = WalkAt.ANON_VMA


@rule
def walk_lock_anon_vma(w: Walk, r: Range) -> None:
    wait_until(w.at == WalkAt.ANON_VMA and r.anon_vma == Who.NOBODY)
    r.anon_vma = Who.WALK
    w.at = WalkAt.LOCKED


@rule
def walk_begin(w: Walk) -> None:
    wait_until(w.at == WalkAt.LOCKED)
    w.at = WalkAt.PTL


@rule
def walk_lock_src(w: Walk, r: Range) -> None:
    wait_until(w.at == WalkAt.PTL and not w.to_dst and r.src_ptl == Who.NOBODY)
    r.src_ptl = Who.WALK
    w.at = WalkAt.LOOK


@rule
def walk_lock_dst(w: Walk, r: Range) -> None:
    wait_until(w.at == WalkAt.PTL and w.to_dst and r.dst_ptl == Who.NOBODY)
    r.dst_ptl = Who.WALK
    w.at = WalkAt.LOOK


@rule
def walk_look(w: Walk) -> None:
    wait_until(w.at == WalkAt.LOOK)
    w.at = WalkAt.UNLOCK_PTL


@rule
def walk_unlock_src(w: Walk, r: Range) -> None:
    wait_until(w.at == WalkAt.UNLOCK_PTL and not w.to_dst)
    r.src_ptl = Who.NOBODY
    w.at = WalkAt.UNLOCK_ANON


@rule
def walk_unlock_dst(w: Walk, r: Range) -> None:
    wait_until(w.at == WalkAt.UNLOCK_PTL and w.to_dst)
    r.dst_ptl = Who.NOBODY
    w.at = WalkAt.UNLOCK_ANON


@rule
def walk_unlock_anon_vma(w: Walk, r: Range) -> None:
    wait_until(w.at == WalkAt.UNLOCK_ANON)
    r.anon_vma = Who.NOBODY
    w.at = WalkAt.UNLOCK_FOLIO


@rule
def walk_unlock_folio(w: Walk, p: Page) -> None:
    wait_until(w.at == WalkAt.UNLOCK_FOLIO and w.page == p)
    p.lock = Who.NOBODY
    w.at = WalkAt.AGAIN


@rule
def zap_again(z: Zap, r: Range) -> None:
    wait_until(z.at == ZapAt.AGAIN)
    z.page = r.first
    z.at = ZapAt.FIND


@rule
def zap_find(z: Zap, p: Page) -> None:
    wait_until(z.at == ZapAt.FIND and p.dst)
    z.page = p
    z.at = ZapAt.PTL


@rule
def zap_lock(z: Zap, r: Range) -> None:
    wait_until(z.at == ZapAt.PTL and r.dst_ptl == Who.NOBODY)
    r.dst_ptl = Who.ZAP
    z.at = ZapAt.CLEAR


@rule
def zap_nothing(z: Zap, r: Range, p: Page) -> None:
    wait_until(z.at == ZapAt.CLEAR and z.page == p and not p.dst)
    r.dst_ptl = Who.NOBODY
    z.at = ZapAt.AGAIN


@rule
def zap_clear(z: Zap, p: Page) -> None:
    wait_until(z.at == ZapAt.CLEAR and z.page == p and p.dst)
    p.dst = False
    z.at = ZapAt.FLUSH


@rule
def zap_flush(z: Zap, p: Page) -> None:
    wait_until(z.at == ZapAt.FLUSH and z.page == p)
    p.stale_dst = False
    z.at = ZapAt.UNLOCK


@rule
def zap_unlock(z: Zap, r: Range) -> None:
    wait_until(z.at == ZapAt.UNLOCK)
    r.dst_ptl = Who.NOBODY
    z.at = ZapAt.PUT


@rule
def zap_put(z: Zap, p: Page) -> None:
    wait_until(z.at == ZapAt.PUT and z.page == p)
    p.refs = p.refs - 1
    p.freed = p.refs == 0
    z.at = ZapAt.AGAIN


OTHERS = (
    gup_again, gup_read_src, gup_read_dst, gup_pin, gup_no_folio, gup_changed, gup_take,
    gup_put, walk_again, walk_lock_folio, walk_read, walk_lock_anon_vma, walk_begin,
    walk_lock_src, walk_lock_dst, walk_look, walk_unlock_src, walk_unlock_dst,
    walk_unlock_anon_vma, walk_unlock_folio, zap_again, zap_find, zap_lock, zap_nothing,
    zap_clear, zap_flush, zap_unlock, zap_put,
)  # fmt: skip
