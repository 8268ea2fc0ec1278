/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A mover, GUP-fast, an rmap walk and a zap, written by hand as one would for SPIN: the yardstick
 * for speed on systems of that kind.  PAGES pages move from the source to the destination under
 * both page-table locks, with one flush; GUP-fast pins a page without a lock and looks at the entry
 * again; the walk locks a folio, then the anon_vma, then the page-table lock of the side that the
 * folio names; the zap clears entries at the destination, flushes and frees.  The others go on for
 * ever, each with any page.
 *
 * model/examples/mover.py is the same system: the same states, and the same steps between them.  It is
 * far coarser than the models of patches.  With NO_FLUSH defined the mover does not flush.
 */
#ifndef PAGES
#define PAGES 2
#endif

byte src[PAGES] = 1; byte dst[PAGES];    /* whether the entry is there */
byte ref[PAGES] = 1; byte pins[PAGES]; byte locked[PAGES]; byte side[PAGES]; bit freed[PAGES];
byte stale_src[PAGES] = 15; byte stale_dst[PAGES];   /* a bit for each CPU whose TLB may hold it */
byte ptl_src; byte ptl_dst; byte anon; byte moved;

#ifdef NO_FLUSH
#define FLUSH(p) skip
#else
#define FLUSH(p) stale_src[p] = 0
#endif

active proctype mover() {
	byte p, first;
again:	skip;
	if
	:: d_step { p < PAGES && src[p] == 0 -> p++ }; goto again
	:: d_step { p < PAGES && src[p] != 0 && locked[p] == 0 -> locked[p] = 1; ref[p]++ }
	:: d_step { p >= PAGES -> p = 0 }; goto over
	fi;
	d_step { anon == 0 -> anon = 1 };
	d_step { ptl_dst == 0 -> ptl_dst = 1 };
	d_step { ptl_src == 0 -> ptl_src = 1 };
	if
	:: d_step { src[p] == 0 || dst[p] != 0 || pins[p] > 0 -> ref[p]--; locked[p] = 0; ptl_src = 0; ptl_dst = 0; anon = 0; p++ }; goto again
	:: d_step { else -> first = p }
	fi;
batch:	src[p] = 0;
	if
	:: d_step { pins[p] > 0 -> src[p] = 1; stale_src[p] = 15; locked[p] = 0; ref[p]-- }; goto flush
	:: d_step { else -> side[p] = 1 }
	fi;
	d_step { dst[p] = 1; stale_dst[p] = 15; ref[p]--; moved++; locked[p] = 0; p++ };
	if
	:: d_step { p < PAGES && src[p] != 0 && dst[p] == 0 && locked[p] == 0 && pins[p] == 0 -> locked[p] = 1; ref[p]++ }; goto batch
	:: d_step { else -> skip }
	fi;
flush:	do
	:: d_step { first < PAGES && first < p && src[first] == 0 -> FLUSH(first); first++ }
	:: d_step { first < PAGES && first < p && src[first] != 0 -> first++ }
	:: d_step { else -> first = 0 }; break
	od;
	skip;
	d_step { ptl_src = 0 };
	d_step { ptl_dst = 0 };
	d_step { anon = 0 };
	goto again;
over:	false
}

active proctype gup() {
	byte p, seen;
again:	atomic { p = 0; seen = 0 };
	if
	:: d_step { PAGES > 0 && src[0 % PAGES] != 0 -> p = 0; seen = 1 }
	:: d_step { PAGES > 0 && dst[0 % PAGES] != 0 -> p = 0; seen = 2 }
	:: d_step { PAGES > 1 && src[1 % PAGES] != 0 -> p = 1; seen = 1 }
	:: d_step { PAGES > 1 && dst[1 % PAGES] != 0 -> p = 1; seen = 2 }
	:: d_step { PAGES > 2 && src[2 % PAGES] != 0 -> p = 2; seen = 1 }
	:: d_step { PAGES > 2 && dst[2 % PAGES] != 0 -> p = 2; seen = 2 }
	:: d_step { PAGES > 3 && src[3 % PAGES] != 0 -> p = 3; seen = 1 }
	:: d_step { PAGES > 3 && dst[3 % PAGES] != 0 -> p = 3; seen = 2 }
	fi;
	if
	:: d_step { ref[p] > 0 -> ref[p]++; pins[p]++ }
	:: d_step { ref[p] == 0 -> p = 0; seen = 0 }; goto again
	fi;
	if
	:: d_step { (seen == 1 && src[p] == 0) || (seen == 2 && dst[p] == 0) -> ref[p]--; pins[p]-- }; goto again
	:: d_step { else -> assert(!freed[p]) }
	fi;
	d_step { ref[p]--; pins[p]-- };
	goto again
}

active proctype walk() {
	byte p, where;
again:	atomic { p = 0; where = 0 };
	if
	:: d_step { PAGES > 0 && locked[0 % PAGES] == 0 && !freed[0 % PAGES] -> p = 0; locked[p] = 3 }
	:: d_step { PAGES > 1 && locked[1 % PAGES] == 0 && !freed[1 % PAGES] -> p = 1; locked[p] = 3 }
	:: d_step { PAGES > 2 && locked[2 % PAGES] == 0 && !freed[2 % PAGES] -> p = 2; locked[p] = 3 }
	:: d_step { PAGES > 3 && locked[3 % PAGES] == 0 && !freed[3 % PAGES] -> p = 3; locked[p] = 3 }
	fi;
	d_step { where = side[p] };
	d_step { anon == 0 -> anon = 3 };
	d_step { assert(where == side[p]) };
	if
	:: d_step { where == 0 && ptl_src == 0 -> ptl_src = 3 }
	:: d_step { where == 1 && ptl_dst == 0 -> ptl_dst = 3 }
	fi;
	d_step { assert(where == 0 || src[p] == 0 || dst[p] == 0) };
	if
	:: d_step { where == 0 -> ptl_src = 0 }
	:: d_step { where == 1 -> ptl_dst = 0 }
	fi;
	d_step { anon = 0 };
	d_step { locked[p] = 0 };
	goto again
}

active proctype zap() {
	byte p;
again:	p = 0;
	if
	:: d_step { PAGES > 0 && dst[0 % PAGES] != 0 -> p = 0 }
	:: d_step { PAGES > 1 && dst[1 % PAGES] != 0 -> p = 1 }
	:: d_step { PAGES > 2 && dst[2 % PAGES] != 0 -> p = 2 }
	:: d_step { PAGES > 3 && dst[3 % PAGES] != 0 -> p = 3 }
	fi;
	d_step { ptl_dst == 0 -> ptl_dst = 4 };
	if
	:: d_step { dst[p] == 0 -> ptl_dst = 0 }; goto again
	:: d_step { dst[p] != 0 -> dst[p] = 0 }
	fi;
	d_step { stale_dst[p] = 0 };
	d_step { ptl_dst = 0 };
	d_step { ref[p]-- ; freed[p] = (ref[p] == 0);
	         assert(!freed[p] || (stale_src[p] == 0 && stale_dst[p] == 0)) };
	goto again
}
