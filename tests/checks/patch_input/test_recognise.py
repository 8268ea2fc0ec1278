# SPDX-License-Identifier: GPL-2.0-only
"""Recognition is exact: a change of a token or of its place is no match, anything else is one."""

from __future__ import annotations

import json

import pytest

from checks.patch_input import Match, recognise
from checks.patch_input.diff import read_change
from checks.patch_input.quoted import find_diffs
from checks.patch_input.read import Submission, submissions
from checks.patch_input.recognise import from_json, stored_versions, to_json
from checks.patch_input.store import main as store

from .patches import MAIL, PATCH, SHIFT, SHIFT_SECTION, WALK, WALK_SECTION, diff, hunk, quoted
from .patches import unindented as bare

NAME = Match("shift_batching", "v2")


def stored(text: str) -> str:
    (found,) = find_diffs(text)
    return to_json(NAME, "a test", read_change(found))


@pytest.fixture(autouse=True)
def _one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognise, "stored_versions", lambda: (from_json(stored(PATCH)),))


def read(text: str) -> Submission:
    (found,) = submissions(text.encode(), "x")
    return found


@pytest.mark.parametrize(
    "text",
    [
        PATCH,
        MAIL,
        quoted(PATCH, 3),
        quoted(bare(PATCH), 2),
        PATCH.replace("\t", "    "),
        PATCH.replace("one flush for all of them", "a flush"),
        PATCH.replace("+	/* one flush for all of them */\n", "+\n"),
        PATCH.replace("-40,", "-1040,"),
        diff(
            hunk(SHIFT_SECTION, SHIFT.replace("addr, end)", "addr,\n+				end)")),
            hunk(WALK_SECTION, WALK, 90),
        ),
    ],
    ids=[
        "itself", "mail", "quoted", "bare", "blanks", "comment", "no comment", "elsewhere",
        "wrapped",
    ],
)  # fmt: skip
def test_same(text: str) -> None:
    found = read(text)
    assert found.match == NAME, found.near
    assert found.near == ""


def test_more_context_is_the_same() -> None:
    body = " 	if (!pte_same(*from->ptep, seen)) {\n 		spin_unlock(from->ptl);\n" + SHIFT
    assert read(diff(hunk(SHIFT_SECTION, body), hunk(WALK_SECTION, WALK, 90))).match == NAME


def changed(old: str, new: str, where: str = SHIFT) -> str:
    """The patch with a change in one hunk."""
    assert old in where
    first, second = (body.replace(old, new) if body == where else body for body in (SHIFT, WALK))
    return diff(hunk(SHIFT_SECTION, first), hunk(WALK_SECTION, second, 90))


NEAR = "shift_batching v2, except "
FLUSH = "+	if (count > 1)\n+		flush_tlb_range(from->vma, addr, end);\n"
UNLOCK = " 	spin_unlock(from->ptl);\n"


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (changed("count > 1", "count > 2"), "shift_entry: 1 line"),
        (changed("+		flush", "+		__flush"), "shift_entry: 1 line"),
        (changed("addr, end)", "addr, end - PAGE_SIZE)"), "shift_entry: 1 line"),
        (changed("-	return 0;\n", " 	return 0;\n"), "shift_entry: 1 line"),
        (changed(FLUSH, ""), "shift_entry: 2 lines"),
        (
            changed("+		cond_resched();\n", "+		cpu_relax();\n", WALK),
            "shift_range: 1 line",
        ),
        (diff(hunk(SHIFT_SECTION, SHIFT)), "shift_range: not touched"),
        (
            PATCH + diff(hunk("int slide(void)", " a;\n+	b();\n c;\n"), path="mm/slide.c"),
            "slide: touched too",
        ),
        (PATCH + diff(path="mm/x.c") + "old mode 1\nnew mode 2\n", "mm/x.c outside of functions: "),
    ],
)
def test_near(text: str, near: str) -> None:
    found = read(text)
    assert found.match is None
    assert found.near.startswith(NEAR + near)


def test_flush_below_an_untouched_unlock() -> None:
    """The same tokens in the same order; only context tells that the flush comes too late."""
    late = changed(FLUSH + UNLOCK, UNLOCK + FLUSH)
    found = read(late)
    assert found.match is None
    assert found.near == NEAR + "shift_entry: same lines in another place"


def test_a_comment_begun_around_context() -> None:
    """What a patch comments out it changes, though it adds nothing but a comment."""
    text = changed(UNLOCK, "+	/*\n" + UNLOCK + "+	*/\n")
    assert read(text).match is None


def test_a_directive_around_context() -> None:
    assert read(changed(UNLOCK, "+#if 0\n" + UNLOCK + "+#endif\n")).match is None


def test_without_context_there_is_no_match() -> None:
    body = "".join(line for line in WALK.splitlines(keepends=True) if line[:1] in "+-")
    assert read(diff(hunk(SHIFT_SECTION, SHIFT), hunk(WALK_SECTION, body, 90))).match is None


def test_another_file_is_another_patch() -> None:
    found = read(PATCH.replace("mm/shift.c", "mm/move.c"))
    assert (found.match, found.near) == (None, "")


def test_a_fragment_is_never_a_match() -> None:
    text = quoted(PATCH).replace("> @@ -90", "> ...\n> @@ -90")
    found = read("Subject: Re: x\n\n" + text)
    assert (found.kind, found.match) == ("fragment", None)


def test_something_else_is_not_near() -> None:
    short = " 	a();\n-	flush_tlb_range(vma, addr, end);\n+	flush_tlb_mm(mm);\n 	b();\n"
    assert read(diff(hunk(SHIFT_SECTION, short))).near == ""


def test_stored_form_holds_no_text() -> None:
    held = json.loads(stored(PATCH))
    assert held.keys() == {"format", "patch", "variant", "source", "functions", "calls"}
    for function in held["functions"].values():
        assert function.keys() == {"tokens", "placed", "lines"}
        assert all(set(line[1:]) <= set("0123456789abcdef") for line in function["lines"])


def test_store_command(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("stored")
    (folder / "shift.patch").write_text(MAIL)
    store([NAME.patch, NAME.variant, str(folder / "shift.patch"), "--to", str(folder)])
    version = from_json((folder / "shift_batching.v2.json").read_text())
    assert (version.match, set(version.functions)) == (
        NAME, {"mm/shift.c:shift_entry", "mm/shift.c:shift_range"},
    )  # fmt: skip


def test_store_command_refuses(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("stored")
    (folder / "none").write_text("nothing\n")
    for arguments in (["a", "b", str(folder / "none")], ["../a", "b", str(folder / "none")]):
        with pytest.raises(SystemExit) as stopped:
            store(arguments)
        assert stopped.value.code == 2
    assert "has 0 complete diffs" in capsys.readouterr().err


def test_stored_versions_differ_from_each_other() -> None:
    versions = stored_versions()
    names = [version.match for version in versions]
    assert {("uffd_move_batching", v) for v in ("v1", "v2", "v3", "merged", "folio_lock_only")} <= {
        (name.patch, name.variant) for name in names
    }
    for version in versions:
        assert sum(version.functions == other.functions for other in versions) == 1
