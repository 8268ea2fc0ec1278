# SPDX-License-Identifier: GPL-2.0-only
"""A diff is found in a review: quoted, interleaved, without indentation, in several copies."""

from __future__ import annotations

import pytest

from checks.patch_input.quoted import find_diffs
from checks.patch_input.read import Submission, submissions

from .patches import CALLS, FUNCTIONS, PATCH, WALK, WALK_SECTION, diff, hunk, quoted, unindented


def read(text: str) -> list[Submission]:
    return submissions(text.encode(), "x")


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("form", [str, unindented])
def test_one_patch_in_every_form(depth: int, form: type[str]) -> None:
    (found,) = read(quoted(form(PATCH), depth))
    assert (found.kind, found.functions, found.calls) == ("diff", FUNCTIONS, CALLS)


def test_review_between_the_lines() -> None:
    lines = quoted(PATCH, 2).splitlines()
    text = ""
    for number, line in enumerate(lines):
        text += line + "\n"
        if number % 3 == 2:
            text += ">\n> Is this needed?\n>\nYes:\n+	it_is(needed);\n\n"
    (found,) = read("Subject: Re: shift\n\n" + text)
    assert (found.kind, found.functions, found.calls) == ("diff", FUNCTIONS, CALLS)


def test_the_complete_copy_counts() -> None:
    part = "".join(quoted(PATCH).splitlines(keepends=True)[:9])
    (found,) = read(f"{part}> [...]\n\nWhy?\n\n{quoted(PATCH, 2)}\n{part}\nSee above.\n")
    assert (found.kind, found.functions) == ("diff", FUNCTIONS)


def test_copies_that_differ_are_two_patches() -> None:
    other = PATCH.replace("count > 1", "count > 2")
    assert len(read(quoted(PATCH, 2) + "\n" + quoted(other))) == 2
    assert len(read(quoted(PATCH, 2) + "\n" + quoted(PATCH))) == 1


def test_answer_with_another_patch() -> None:
    mine = diff(hunk(WALK_SECTION, WALK), path="mm/other.c")
    first, second = read(f"{quoted(PATCH)}\nRather:\n\n{mine}\n")
    assert first.files == ("mm/shift.c",)
    assert second.files == ("mm/other.c",)


def test_what_was_cut_out_is_missed() -> None:
    lines = quoted(PATCH).splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "@@ -90" in line)
    text = "Subject: Re: x\n\n" + "".join([*lines[:at], "> [...]\n", *lines[at:]])
    assert [found.kind for found in read(text)] == ["fragment"]


def test_a_part_in_a_review_is_a_fragment() -> None:
    (found,) = read("Subject: Re: x\n\n" + "".join(quoted(PATCH).splitlines(keepends=True)[:12]))
    assert (found.kind, found.files) == ("fragment", ("mm/shift.c",))
    assert found.match is None


def test_lines_without_a_header_are_a_fragment() -> None:
    text = """\
> +static void shift_all(struct space *to, int count)
> +{
> +	flush_tlb_mm(to->mm);

Why all?
"""
    (found,) = read(text)
    assert (found.kind, found.functions) == ("fragment", ("shift_all",))
    assert found.calls == ("+flush_tlb_mm",)


def test_a_list_in_prose_is_no_fragment() -> None:
    (found,) = read("Reasons:\n- it is slow\n- it is long (very)\n- it is late\n")
    assert found.kind == "text"


def test_changes_without_hunks() -> None:
    text = """\
diff --git a/mm/old.c b/mm/new.c
similarity index 100%
rename from mm/old.c
rename to mm/new.c
diff --git a/a.bin b/a.bin
index 111..222 100644
GIT binary patch
literal 5
abcdefgh

literal 0
abcdefgh

"""
    (found,) = read(text + PATCH)
    assert found.kind == "diff"
    assert found.files == ("mm/new.c", "a.bin", "mm/shift.c")


def test_deleted_file() -> None:
    text = "--- a/mm/gone.c\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-int gone;\n-int lost;\n"
    assert read(text)[0].files == ("mm/gone.c",)


def test_hunk_repaired_to_what_it_was() -> None:
    (whole,) = find_diffs(PATCH)
    (again,) = find_diffs(quoted(unindented(PATCH), 3))
    assert [f.path for f in whole.files] == [f.path for f in again.files]
    assert whole.content() == again.content()
