# SPDX-License-Identifier: GPL-2.0-only
"""Which function a line belongs to, and what C tokens it has."""

from __future__ import annotations

import pytest

from checks.patch_input.diff import read_change
from checks.patch_input.functions import owners, section_function
from checks.patch_input.quoted import find_diffs
from checks.patch_input.tokens import END, c_tokens

from .patches import diff, hunk


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("static long shift_range(struct space *to, struct space *fr", "shift_range"),
        ("SYSCALL_DEFINE5(mremap, unsigned long, addr, unsigned long, old_len,", "mremap"),
        ("struct space {", "struct space"),
        ("#define shift(x) do {", "shift"),
        ("retry:", ""),
        ("", ""),
    ],
)
def test_section(section: str, name: str) -> None:
    assert section_function(section) == name


def test_definitions_without_indentation() -> None:
    code = """\
return 0;
}

/* shifts it */
static struct entry *shift(struct space *to,
int count)
{
if (count) {
list_for_each_entry(e, &to->list, node) {
put(e);
}
}
}
#ifdef CONFIG_SLIDE
#define slide(x) \\
do_slide(x)
#endif
SYSCALL_DEFINE1(slide_all, int, fd)
{
""".splitlines()
    found = owners(c_tokens(code), "before")
    named = dict(zip(code, found.lines, strict=True))
    assert named["return 0;"] == "before"
    assert named["static struct entry *shift(struct space *to,"] == "shift"
    assert named["int count)"] == "shift"
    assert named["put(e);"] == "shift"
    assert named["do_slide(x)"] == "slide"
    assert named["SYSCALL_DEFINE1(slide_all, int, fd)"] == "slide_all"
    assert found.last == "slide_all"


def test_prototypes_in_a_header() -> None:
    body = " struct space;\n-int shift(struct space *to);\n+long shift(struct space *to);\n \n"
    (found,) = find_diffs(diff(hunk("", body), path="mm/internal.h"))
    assert read_change(found).names() == ("mm/internal.h:shift",)


def test_a_renamed_function_has_both_names() -> None:
    first = " \n-static int shift(int a)\n+static long shift_all(int a)\n {\n 	b();\n 	c();\n"
    second = " 	d();\n-	return 0;\n+	return 1;\n }\n"
    section = "static int shift(int a)"
    (found,) = find_diffs(diff(hunk("", first, 10), hunk(section, second, 30)))
    change = read_change(found)
    assert change.names() == ("mm/shift.c:shift", "mm/shift.c:shift_all")
    assert change.calls == ()


def test_indentation_changes_no_call() -> None:
    old = "-	shift(x);\n-	put(x);\n"
    body = f" 	a();\n{old}+	if (x) {{\n+		shift(x);\n+		get(x);\n+	}}\n 	b();\n"
    (found,) = find_diffs(diff(hunk("void f(void)", body)))
    assert read_change(found).calls == ("-put", "+get")


@pytest.mark.parametrize(
    ("code", "tokens"),
    [
        ("a+ +b; // x", "a + + b ;"),
        ("a++ + b->c", "a ++ + b -> c"),
        ('f("/*no*/", \'"\');', 'f ( "/*no*/" , \'"\' ) ;'),
        ("x /* y", "x"),
        ("x // y \\\nz", "x"),
        ("end of it */ x", "x"),
        (" * text\n * more", ""),
        ("#if 0\nx\n#endif", f"# if 0 {END} x # endif {END}"),
    ],
)
def test_tokens(code: str, tokens: str) -> None:
    found = [token for line in c_tokens(code.split("\n")) for token in line]
    assert found == tokens.split(" ") or (not tokens and not found)
