# SPDX-License-Identifier: GPL-2.0-only
"""The command line: bad input is one line and exit status 2, limits are UNKNOWN and 3, and what is
printed does not depend on the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from checks.engine.native import extension
from tests.command import run, write_late_flush

SMALL = "move+gup_fast/1p/ptl=different/init=all_at_src"
ROOT = Path(__file__).parents[3]
SEEDS = Path(os.environ.get("CHECK_INVARIANTS_SEEDS", ROOT.parent / "shared" / "seeds"))


def one_line(*args: str) -> str:
    """The only line of a refusal."""
    ran = run(*args)
    assert ran.exit_code == 2
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr
    return ran.stderr


def test_bad_files(tmp_path: Path) -> None:
    (tmp_path / "empty.patch").write_bytes(b"")
    (tmp_path / "binary.patch").write_bytes(bytes(range(256)) * 64)
    (tmp_path / "cut.patch").write_text(
        "--- a/mm/a.c\n+++ b/mm/a.c\n@@ -1,3 +1,4 @@ int f(void)\n one();\n+two();\n"
    )
    with (tmp_path / "huge.patch").open("wb") as huge:
        huge.truncate(20 * 2**20 + 1)
    for name in ("empty.patch", "binary.patch", "cut.patch", "huge.patch", "absent.patch"):
        assert name in one_line(str(tmp_path / name))
    one_line(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.patch"
    path.write_text("x")
    path.chmod(0)
    one_line(str(path))


def test_options_given_twice() -> None:
    """The last would count, and say nothing of the first."""
    twice = ("--arch", "x86_64", "--arch", "arm64")
    assert "commas" in one_line("uffd_move_batching", *twice)
    assert "--arch is given twice" in one_line("show", "uffd_move_batching", *twice)
    assert "--jobs" in one_line("necessity", "uffd_move_batching", "--jobs", "1", "--jobs", "2")


@pytest.mark.parametrize("command", ["show", "locks", "prove", "export"])
def test_a_command_about_one_architecture(command: str) -> None:
    said = one_line(command, "uffd_move_batching", "--arch", "arm64,s390")
    assert "about one architecture" in said
    assert "one of " in said


@pytest.mark.parametrize("option", ["--arch", "--mutant", "--variant", "--scenario", "--invariant"])
def test_options_that_are_given_nothing(option: str) -> None:
    """As by a variable of a shell that is not set: nothing is not everything."""
    said = one_line("uffd_move_batching", option, "")
    assert f"{option} is given nothing" in said


def test_a_time_that_is_none() -> None:
    assert "nan is no number of seconds" in one_line("uffd_move_batching", "--timeout", "nan")


@pytest.mark.parametrize(
    "option", [("--arch", "arm64"), ("--full",), ("--format", "json"), ("--sample", "3")]
)
def test_options_that_an_example_has_not(option: tuple[str, ...]) -> None:
    assert f"{option[0]} is for patches" in one_line("example:shoot", *option)


def test_an_example_is_no_patch() -> None:
    assert "'example:shoot' is an example" in one_line("show", "example:shoot")


def test_names_that_are_not_known() -> None:
    assert "uffd_move_batching" in one_line("uffd_move_batchin")
    assert "arm64" in one_line("uffd_move_batching", "--arch", "arm46")
    assert "did you mean" in one_line("uffd_move_batching", "--invariant", "no_deadlok")
    assert "did you mean" in one_line("uffd_move_batching", "--mutant", "no flsh")
    unmoved = one_line("uffd_move_batching", "--mutant", "no flush of walk caches", "--arch",
                       "x86_64", "--scenario", SMALL)  # fmt: skip
    assert "zap_table" in unmoved
    assert "no scenario fits" in one_line("uffd_move_batching", "--scenario", "move+nobody")
    assert "no_ack_wait" in one_line("example:shoot", "--variant", "no_ack")
    assert "cpus" in one_line("example:shoot", "--param", "cpu=2")
    one_line("example:shoot", "--param", "cpus=99")


def test_an_engine_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "_loaded", lambda: "it was not built")
    asked = ("uffd_move_batching", "--arch", "x86_64", "--engine", "native", "--no-cache")
    for jobs in ("1", "2"):
        said = one_line(*asked, "--scenario", "move+user/1p/*", "--jobs", jobs)
        assert "--engine native: it was not built" in said
    ran = run("uffd_move_batching", "--arch", "x86_64", "--no-cache", "--scenario", SMALL)
    said = (
        "check-invariants: the native explorer is not used: it was not built; the other is slower"
    )
    assert ran.stderr == f"{said}\n"


def test_a_mutant_beside_any_number_of_neighbours() -> None:
    many = "move+gup_fast+folio_referenced+zap_src+user/1p/ptl=different/init=all_at_src"
    ran = run("uffd_move_batching", "--mutant", "no flush", "--arch", "x86_64", "--scenario", many,
              "--max-states", "1000")  # fmt: skip
    assert (ran.exit_code, ran.stderr) == (3, "")
    assert "MUTANT: no flush" in ran.stdout
    one_line("replay", "nonsense")
    one_line("uffd_move_batching", "--max-states", "0")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x = (\n", "not Python"),
        ("x = 1 / 0\n", "ZeroDivisionError"),
        ("raise SystemExit(0)\n", "SystemExit"),
        ("x = 1\0\n", "mine.py: not Python"),
        ("x = 1\n", "neither VARIANT nor FAMILY"),
        (
            "from model.patches.own_variant import variant_of\n"
            'VARIANT = variant_of("uffd_move_batching", "v3", __name__)\n',
            "replaces no function",
        ),
    ],
)
def test_a_model_that_cannot_be_used(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert what in one_line(str(path))


KERNEL = '@kernel("mm/x.c:x", "v4")\n'


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (KERNEL + "def flush_all() -> None:\n    pass\n", "flush_all of"),  # nobody calls it
        (KERNEL + "def move_present_pte() -> None:\n    pass\n", "would never run"),  # per_page's
        ("def uffd_move_lock() -> None:\n    pass\n", "takes no function's place"),
        ("uffd_move_lock = double_pt_unlock\n", "takes no function's place"),
    ],
)
def test_what_would_never_run_is_refused(tmp_path: Path, added: str, said: str) -> None:
    """The stored functions go on calling what they called."""
    path = write_late_flush(tmp_path)
    text = path.read_text()
    begin = text.index("VARIANT = ")
    path.write_text(f"{text[:begin]}{added}\n\n{text[begin:]}")
    assert said in one_line(str(path))


LOOK = '@step(order="plain")\ndef look({0}: Folio) -> bool:\n    return f.{1}\n\n\n'


@pytest.mark.parametrize(
    ("helper", "use", "verdict"),
    [
        ("", "x = src_folio.dirty", "VIOLATED"),
        ("", "src_folio.dirty = True", "VIOLATED"),
        (LOOK.format("*, f", "dirty"), "look(f=src_folio)", "VIOLATED"),
        (LOOK.format("f", "free"), "look(src_folio)", "HOLDS"),  # to ask is no use
    ],
)
def test_a_use_of_a_free_folio_has_no_name(
    tmp_path: Path, helper: str, use: str, verdict: str
) -> None:
    """A user's step is asked for what it touches, however its parameters are called."""
    text = run("show", "uffd_move_batching", "--variant", "v3", "--format", "python").stdout
    put = "    folio_put(src_folio)\n"
    assert text.count(put) == 1
    text = text.replace(put, f"{put}    {use}\n").replace(
        "import kernel\n", "import kernel, step\n"
    )
    path = tmp_path / "mine.py"
    path.write_text(text.replace("@kernel", f"{helper}@kernel", 1))
    cast = "move+zap_dst/1p/ptl=different/init=all_at_src"
    ran = run(str(path), "--arch", "x86_64", "--scenario", cast,
              "--invariant", "no_use_of_a_free_folio", "--format", "json")  # fmt: skip
    (patch,) = json.loads(ran.stdout)["patches"]
    assert patch["results"][-1]["verdict"] == verdict


def test_a_check_of_no_invariant_is_refused(tmp_path: Path) -> None:
    """No row of the table would show that it fails."""
    path = write_late_flush(tmp_path)
    text = path.read_text().replace("import kernel\n", "import check, kernel\n")
    flush = "        flush_tlb_range("
    path.write_text(text.replace(flush, f'        check(False, "a sentence")\n{flush}'))
    ran = run(str(path), "--arch", "x86_64", "--scenario", "move/1p/ptl=different/init=all_at_src")
    assert ran.exit_code == 2
    assert "'a sentence', which is no invariant" in ran.stderr


def test_a_variant_of_a_model_of_ones_own(tmp_path: Path) -> None:
    """A file that is one variant has no others."""
    path = write_late_flush(tmp_path)
    assert "is one variant" in one_line(str(path), "--variant", "v3")


def test_a_model_that_is_refused_says_where(tmp_path: Path) -> None:
    path = write_late_flush(tmp_path)
    text = path.read_text()
    line = text[: text.index("double_pt_unlock(dst_ptl")].count("\n") + 1
    path.write_text(text.replace("double_pt_unlock(dst_ptl", "double_pt_unlck(dst_ptl", 1))
    said = one_line(str(path), "--arch", "x86_64", "--scenario", SMALL)
    assert f"my_v4.py:{line}:" in said
    assert "double_pt_unlock" in said


def test_a_model_that_is_refused_where_it_calls_says_where_it_does(tmp_path: Path) -> None:
    path = write_late_flush(tmp_path)
    text = path.read_text()
    line = text[: text.index("double_pt_unlock(dst_ptl")].count("\n") + 1
    path.write_text(text.replace("double_pt_unlock(dst_ptl", "double_pt_unlock(mm", 1))
    said = one_line(str(path), "--arch", "x86_64", "--scenario", SMALL)
    assert said.startswith("check-invariants: model/")
    assert "; called by double_pt_unlock at " in said
    assert f"my_v4.py:{line}:4" in said


def test_limits_are_unknown() -> None:
    few = run("uffd_move_batching", "--arch", "x86_64", "--scenario", SMALL, "--max-states", "5",
              "--variant", "merged", "--format", "json")  # fmt: skip
    assert few.exit_code == 3
    every = json.loads(few.stdout)["patches"][0]["results"]
    results = [r for r in every if r["group"] != "ordering"]  # which no number of states is for
    assert {r["verdict"] for r in results} == {"UNKNOWN"}
    assert all("--max-states" in r["reason"] for r in results)
    late = run("uffd_move_batching", "--arch", "x86_64", "--scenario", SMALL, "--timeout", "1e-9")
    assert late.exit_code == 3
    assert "--timeout" in late.stdout


def test_same_output_from_run_to_run() -> None:
    command = [sys.executable, "-m", "checks", "uffd_move_batching", "--variant", "merged",
               "--arch", "x86_64,arm64", "--scenario", "move+[gu]*st/1p/ptl=different/init=h*",
               "--mutant", "no flush"]  # fmt: skip
    printed = set()
    for seed, jobs in (("1", "1"), ("2", "2")):
        ran = subprocess.run(
            [*command, "--jobs", jobs], capture_output=True, text=True, check=False, cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert all(" so far, " in line for line in ran.stderr.splitlines())  # if it is slow
        printed.add(ran.stdout)
    assert len(printed) == 1


@pytest.mark.skipif(not SEEDS.is_dir(), reason="the seeds are not beside this checkout")
def test_seeds() -> None:
    few = ("--arch", "x86_64", "--scenario", SMALL)
    ran = run(str(SEEDS / "000_7bfcd4afc51f22e2.txt"), *few)
    assert "is uffd_move_batching v3" in ran.stdout
    assert ran.exit_code in (0, 3)  # few casts do not reach every premise
    ran = run(str(SEEDS / "003_0cf1677b46667999.txt"), "--arch", "x86_64", "--scenario",
              "idle+move/1p/ptl=different/init=all_at_src")  # fmt: skip
    assert "is rmap_locked_folios rfc_1" in " ".join(ran.stdout.split())
    assert ran.exit_code in (0, 3)
    for name, kind in (
        ("001_be609a0e770fcb56.txt", "fragment"),
        ("004_dcbfa4743ae69023.txt", "list of commits"),
    ):  # fmt: skip
        ran = run(str(SEEDS / name))
        assert ran.exit_code == 3
        assert ran.stdout.startswith("UNKNOWN")
        assert f"kind      {kind}" in ran.stdout
