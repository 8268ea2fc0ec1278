# SPDX-License-Identifier: GPL-2.0-only
# ruff: noqa: E101  # a hunk is indented with tabs
"""Patches for the tests of patch input: in the kernel's idiom, and no kernel text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent

SHIFT = """\
 		return -EAGAIN;
 	}

-	entry = ptep_clear_flush(from->vma, addr, from->ptep);
+	entry = ptep_get_and_clear(from->mm, addr, from->ptep);
 	set_pte_at(to->mm, addr, to->ptep, entry);
+	/* one flush for all of them */
+	if (count > 1)
+		flush_tlb_range(from->vma, addr, end);
 	spin_unlock(from->ptl);
 	entry_put(entry);
-	return 0;
+	return count;
 }

"""
WALK = """\
 	spin_lock(from->ptl);
 	while (addr < end) {
 		moved = shift_entry(to, from, addr);
+		cond_resched();
 		addr += moved;
 	}
 	spin_unlock(from->ptl);
"""
SHIFT_SECTION = "static int shift_entry(struct space *to, struct space *from,"
WALK_SECTION = "long shift_range(struct space *to, struct space *from)"


def hunk(section: str, body: str, start: int = 40) -> str:
    """A hunk with the counts that its lines have."""
    lines = body.splitlines()
    old = sum(line[:1] != "+" for line in lines)
    new = sum(line[:1] != "-" for line in lines)
    return f"@@ -{start},{old} +{start},{new} @@ {section}\n{body}"


def diff(*hunks: str, path: str = "mm/shift.c") -> str:
    """A diff of one file."""
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n" + "".join(hunks)


PATCH = diff(hunk(SHIFT_SECTION, SHIFT), hunk(WALK_SECTION, WALK, 90))
FUNCTIONS = ("mm/shift.c:shift_entry", "mm/shift.c:shift_range")
CALLS = ("-ptep_clear_flush", "+ptep_get_and_clear", "+flush_tlb_range", "+cond_resched")
SUBJECT = "[PATCH v2] mm: shift entries with one flush"
MAIL = f"""\
From: Ada Shift <ada@example.org>
To: list@example.org
Subject: {SUBJECT}

One flush is enough for a range.

Signed-off-by: Ada Shift <ada@example.org>
---
 mm/shift.c | 8 +++++---
 1 file changed

{PATCH}--{" "}
2.51.0
"""


def quoted(text: str, depth: int = 1) -> str:
    """As a mail program quotes it, with the white space at the ends of lines lost."""
    for _ in range(depth):
        text = "".join(f"> {line}".rstrip() + "\n" for line in text.splitlines())
    return text


def unindented(text: str) -> str:
    """As a web page copies it: every line without its leading and doubled white space."""
    lines = (line.replace("\t", " ") for line in text.splitlines())
    return "".join(" ".join(line.split()) + "\n" for line in lines)


def seed(number: str) -> str:
    """The path of a seed document; the test is skipped where there is none."""
    folder = Path(os.environ.get("CHECK_INVARIANTS_SEEDS", ROOT.parent / "shared" / "seeds"))
    found = sorted(folder.glob(f"{number}_*.txt"))
    if not found:
        pytest.skip(f"no seed {number} in {folder}; set CHECK_INVARIANTS_SEEDS")
    return str(found[0])
