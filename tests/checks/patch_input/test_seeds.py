# SPDX-License-Identifier: GPL-2.0-only
# ruff: noqa: E101, W293  # a hunk is indented with tabs and has empty context
"""The five seed documents, and the batching patch with something changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.patch_input import Match, Submission, read_submissions
from checks.patch_input.read import submissions

from .patches import diff, hunk, seed

V3 = Match("uffd_move_batching", "v3")
MOVE = "mm/userfaultfd.c:"


def only(path: str) -> Submission:
    (found,) = read_submissions(path)
    return found


def test_batching_v3() -> None:
    found = only(seed("000"))
    assert (found.kind, found.match, found.near) == ("diff", V3, "")
    assert found.subject.startswith("Re: [PATCH v3] userfaultfd: opportunistic TLB-flush batching")
    assert found.subject.endswith("for present pages in MOVE")
    assert found.files == ("mm/userfaultfd.c",)
    assert found.functions == tuple(
        MOVE + name
        for name in (
            "move_present_pte", "check_ptes_for_batched_move", "move_present_ptes",
            "move_swap_pte", "move_zeropage_pte", "move_pages_pte", "move_pages_ptes", "move_pages",
        )
    )  # fmt: skip
    assert {"-ptep_clear_flush", "+ptep_get_and_clear", "+flush_tlb_range"} <= set(found.calls)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("src_start, src_addr);", "src_start, src_end);", "move_present_ptes: 1 line"),
        ("+ if (src_addr > src_start)", "+ if (src_addr >= 0)", "move_present_ptes: 1 line"),
        ("!= src_anon_vma)", "== src_anon_vma)", "check_ptes_for_batched_move: 1 line"),
    ],
)
def test_one_token_of_an_added_line(old: str, new: str, where: str) -> None:
    text = Path(seed("000")).read_text()
    assert text.count(old) == 1
    (found,) = submissions(text.replace(old, new).encode(), "x")
    assert (found.kind, found.match) == ("diff", None)
    assert found.near == f"uffd_move_batching v3, except {where}"


def test_mprotect_batching_is_a_fragment() -> None:
    found = only(seed("001"))
    assert (found.kind, found.match, found.near) == ("fragment", None, "")
    assert found.subject == "Re: [PATCH v5 6/7] mm: Optimize mprotect() by PTE batching"
    assert found.functions == ("commit_anon_folio_batch",)
    assert found.calls == ("+folio_page",)


def test_mremap_by_pmd() -> None:
    """The page has the patch in many copies, and a patch for another architecture in an answer."""
    found, other = read_submissions(seed("002"))
    v2 = Match("mremap_move_pmd", "v2")
    assert (found.kind, found.match, found.near) == ("diff", v2, "")
    assert found.files == ("mm/mremap.c",)
    assert found.functions == ("mm/mremap.c:move_normal_pmd", "mm/mremap.c:move_page_tables")
    assert {"+pmd_lock", "+pmd_clear", "+set_pmd_at", "+take_rmap_locks"} <= set(found.calls)
    assert (other.kind, other.match) == ("diff", None)
    assert all(name.startswith("arch/um/") for name in other.files)


def test_rmap_walk_on_locked_folios() -> None:
    found = only(seed("003"))
    rfc_1 = Match("rmap_locked_folios", "rfc_1")
    assert (found.kind, found.match, found.near) == ("diff", rfc_1, "")
    assert found.files == ("mm/damon/ops-common.c", "mm/page_idle.c", "mm/rmap.c")
    assert found.functions == (
        "mm/damon/ops-common.c:damon_folio_mkold", "mm/damon/ops-common.c:damon_folio_young",
        "mm/page_idle.c:page_idle_clear_pte_refs", "mm/rmap.c:folio_get_anon_vma",
        "mm/rmap.c:folio_lock_anon_vma_read", "mm/rmap.c:folio_referenced",
        "mm/rmap.c:rmap_walk_anon",
    )  # fmt: skip


def test_backports_are_a_list_of_commits() -> None:
    found = only(seed("004"))
    assert (found.kind, found.match, found.files) == ("list of commits", None, ())
    assert len(found.commits) == 18
    assert found.commits[0].startswith("50944692052b MOVE ioctl's runtime is dominated")
    hashes = [commit.split()[0] for commit in found.commits]
    assert {"878d9e8cebbb", "b22cc9a9c7ff", "ec63a44011dc"} <= set(hashes)


SECTION = "static long move_present_ptes(struct mm_struct *mm,"
ONE_PAGE_SHORT = """\
 	leave_lazy();
 	/* everything up to the last page */
 	if (done > start)
-		flush_tlb_range(vma, start, done);
+		flush_tlb_range(vma, start, done - PAGE_SIZE);
 
 out:
 	both_unlock(dst, src);
"""
AFTER_THE_LOCKS = """\
 	leave_lazy();
-	if (done > start)
-		flush_tlb_range(vma, start, done);
 
 out:
 	both_unlock(dst, src);
+	if (done > start)
+		flush_tlb_range(vma, start, done);
 	if (folio)
 		folio_unlock(folio);
 	return done - start;
"""


@pytest.mark.parametrize("body", [ONE_PAGE_SHORT, AFTER_THE_LOCKS])
def test_changes_on_top_of_v3(body: str) -> None:
    patch = diff(hunk(SECTION, body), path="mm/userfaultfd.c")
    (found,) = submissions(patch.encode(), "x")
    assert (found.kind, found.match, found.near) == ("diff", None, "")
    assert found.functions == (MOVE + "move_present_ptes",)
    assert found.calls == ("-flush_tlb_range", "+flush_tlb_range")
