# SPDX-License-Identifier: GPL-2.0-only
"""Words: an invariant or a step with a letter lost in one is refused.

Nothing else would notice: a step that nobody declares is never taken, and the invariant holds.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import invariants
from invariants import REGISTRY, registry
from invariants.words import _declared
from model.lang.declare import step
from model.lang.errors import ModelError
from model.lang.traits import Trait, traits_of

from ..command import run

ROOT = Path(invariants.__file__).parents[1]
MODULES = sorted({f"invariants.{i.group}" for i in REGISTRY.values()})


def misspelt(word: str) -> Iterator[str]:
    """The word with each of its letters lost."""
    return (word[:n] + word[n + 1 :] for n in range(len(word)))


def constants(tree: ast.Module) -> Iterator[ast.Constant]:
    """The constants of a module that say at which steps an invariant is judged or reached."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        found = [k.value for k in node.keywords if k.arg in ("witness", "after")]
        if node.func.id == "at_step":
            found.append(node.args[0])
        elif node.func.id == "by_engine":
            found.append(node.args[5])
        for value in found:
            constant = value.elts[0] if isinstance(value, ast.Tuple) else value
            assert isinstance(constant, ast.Constant)
            yield constant


def parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())


def places() -> list[tuple[str, int, str]]:
    """Module, number of the constant, and word."""
    return [
        (module, n, word)
        for module in MODULES
        for n, constant in enumerate(constants(parsed(module)))
        for word in str(constant.value).split()
    ]


def test_every_word_of_the_registry_is_misspelt_below() -> None:
    found = {word for _, _, word in places()}
    assert found == {w for i in REGISTRY.values() for p in i.premises for w in p.steps}
    assert found >= {w for i in REGISTRY.values() for w in i.steps}


@pytest.mark.parametrize(("module", "number", "word"), places())
def test_a_misspelt_word_of_an_invariant_is_refused(
    module: str, number: int, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "REGISTRY", {})
    file = importlib.import_module(module).__file__
    assert file is not None
    for wrong in misspelt(word):
        tree = parsed(module)
        constant = list(constants(tree))[number]
        words = str(constant.value).split()
        constant.value = " ".join(wrong if w == word else w for w in words)
        code = compile(tree, file, "exec")
        with pytest.raises(ModelError, match=f"no step and no trait '{wrong}'"):
            exec(code, {"__name__": module, "__package__": "invariants"})


@pytest.mark.parametrize("module", MODULES)
def test_as_they_are_they_register(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    again: dict[str, registry.Invariant] = {}
    monkeypatch.setattr(registry, "REGISTRY", again)
    monkeypatch.setattr(registry, "ASIDE", {})
    file = importlib.import_module(module).__file__
    assert file is not None
    exec(compile(parsed(module), file, "exec"), {"__name__": module, "__package__": "invariants"})
    assert set(again) == {i.name for i in REGISTRY.values() if f"invariants.{i.group}" == module}


def test_an_argument_that_the_step_does_not_have_is_refused() -> None:
    def no_order(s: object, thread: object, lock: object) -> bool:
        return s is thread is lock

    with pytest.raises(ModelError, match="no_order asks folio_lock for 'lock'"):
        registry.at_step("folio_lock", "", relied_on="", mutants=())(no_order)
    assert "no_order" not in REGISTRY


def test_an_argument_with_a_default_is_one_of_some_step() -> None:
    def not_held(s: object, thread: object, lok: object = None, folio: object = None) -> bool:
        return s is thread is lok is folio

    with pytest.raises(ModelError, match=r"not_held asks \w+_unlock for 'lok'"):
        registry.at_step("release", "", relied_on="", mutants=())(not_held)
    assert "not_held" not in REGISTRY


@pytest.mark.parametrize("trait", Trait)
def test_a_misspelt_trait_is_refused(trait: Trait) -> None:
    def nothing() -> None:
        pass

    assert step(traits=trait)(nothing).traits == {trait, Trait.FOREIGN}
    for wrong in misspelt(trait):
        with pytest.raises(ModelError, match=rf"test_words\.py:\d+:0: no trait '{wrong}'"):
            step(traits=f"lockless {wrong} ref" if wrong else "lockles")(nothing)


@pytest.mark.parametrize("trait", [t for t in Trait if t is not Trait.FOREIGN])
def test_every_trait_is_declared_and_relied_on(trait: Trait) -> None:
    assert _declared()[trait], "no step is so"
    judged = {w for i in REGISTRY.values() for p in i.premises for w in p.steps}
    assert trait in judged or trait.name in _relied_on(), "nobody asks"


def _relied_on() -> set[str]:
    files = [p for f in ("model/lang", "invariants", "checks") for p in (ROOT / f).rglob("*.py")]
    nodes = (n for p in files for n in ast.walk(ast.parse(p.read_text())))
    return {
        n.attr for n in nodes
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "Trait"
    }  # fmt: skip


def test_a_name_is_a_trait_only_of_its_own_steps() -> None:
    for word, steps in _declared().items():
        if any(s.name == word for s in steps) and word in set(Trait):
            assert all(word in s.traits for s in steps)


def test_traits_are_read_back() -> None:
    assert traits_of(["pte", "ref"], "") == {Trait.PTE, Trait.REF}


OWN = """
@step(order="plain", traits="{traits}")
def lru_drop(folio: Folio) -> None:
    folio.lru = False


"""
KERNEL = '@kernel("mm/userfaultfd.c:move_present_ptes", "6.18")'
SCENE = "move/1p/ptl=different/init=all_at_src"


def own(folder: Path, traits: str) -> Path:
    """`my_lru.py`: the merged form with a step of its own."""
    text = run("show", "uffd_move_batching", "--variant", "merged", "--format", "python").stdout
    text = text.replace("import kernel\n", "import kernel, step\n")
    text = text.replace(KERNEL, OWN.format(traits=traits).lstrip() + KERNEL)
    put = "    folio_put(first_src_folio)  #"
    assert text.count(put) == 1
    path = folder / "my_lru.py"
    path.write_text(text.replace(put, f"    lru_drop(first_src_folio)\n{put}"))
    return path


def test_a_step_of_ones_own_that_writes_an_entry_and_does_not_say_so(tmp_path: Path) -> None:
    path = own(tmp_path, "lockless")
    text = path.read_text().replace("lru_drop(folio: Folio)", "lru_drop(folio: Folio, pte: Pte)")
    text = text.replace("folio.lru = False", "pte.val = PteVal()")
    path.write_text(text.replace("lru_drop(first_src_folio)", "lru_drop(first_src_folio, src_pte)"))
    ran = run(str(path), "--arch", "x86_64", "--scenario", SCENE, "--jobs", "1")
    assert ran.exit_code == 2
    assert ran.stderr.count("\n") == 1
    assert "lru_drop writes 1 entries of page tables" in ran.stderr


def test_an_unknown_trait_in_a_file_of_ones_own(tmp_path: Path) -> None:
    ran = run(str(own(tmp_path, "lokless")), "--arch", "x86_64", "--scenario", SCENE)
    assert ran.exit_code == 2
    assert ran.stderr.count("\n") == 1
    assert "my_lru.py:92:0: no trait 'lokless'; did you mean lockless?" in ran.stderr


def test_a_step_of_ones_own_without_what_an_invariant_asks(tmp_path: Path) -> None:
    ran = run(str(own(tmp_path, "put")), "--arch", "x86_64", "--scenario", SCENE, "--jobs", "1")
    assert ran.exit_code == 2
    assert ran.stderr.count("\n") == 1
    assert "lru_drop has no 'count', which freed_unlocked_and_unmapped asks for" in ran.stderr
