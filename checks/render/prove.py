# SPDX-License-Identifier: GPL-2.0-only
"""The answer of `prove`."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence

from ..prove.core import Core
from ..prove.instance import Frozen
from ..prove.obligations import Proved, Result, Snapshot, snapshot_lines
from ..prove.proof import Compared, Proof, found_again
from ..prove.reach import reachable
from .page import width


def proof_lines(proof: Proof, *, times: bool) -> list[str]:
    """Theorem, core, clauses, obligations, what it assumes, and what it agrees with."""
    core = proof.core
    lines: list[str] = []
    for theorem in core.theorems:
        core_any = "core any-N: " if proof.verdict == "PROVED" else ""
        number = f"any number of each {', '.join(core.sorts)}"
        lines += _wrapped(f"{proof.verdict:<11}", f"{core_any}{theorem.name}, {number}")
        lines += _wrapped("", theorem.says)
    title = re.split(r"[.](\s|$)", core.doc)[0]
    lines += _wrapped("core       ", f"{core.name}: {title}.")
    lines += _wrapped("", f"{len(core.functions)} functions, {len(core.actions)} actions: "
                          + ", ".join(a.name for a in core.actions))  # fmt: skip
    lines += _wrapped("invariant  ", "; ".join(f"{c.name}: {c.says}" for c in core.clauses))
    for text in core.assumes:
        lines += _wrapped("assumes    ", text)
    lines += _lacking(proof)
    count = len(proof.obligations)
    done = sum(o.result is Result.PROVED for o in proof.obligations)
    lines.append(f"{'proofs':<11}{done} of {count} obligations proved")
    for obligation in proof.obligations:
        lines += _obligation(proof, obligation, times=times)
    if times:
        lines.append(f"{'':11}{sum(o.seconds for o in proof.obligations):.3f} s for all")
    for name in proof.impossible:
        lines += _wrapped("", f"the action {name} is impossible under the invariant")
    if proof.failed:
        lines += _trace(proof)
    agrees = all(c.disagreement is None for c in proof.compared)
    for name in proof.unseen if agrees else ():
        lines += _wrapped("vacuous", f"no step of these scenarios is the action {name}")
    for compared in proof.compared:
        lines += _comparison(compared)
    return lines


def none_lines(sentence: str) -> list[str]:
    """The answer where no theory says anything."""
    return _wrapped("UNKNOWN    ", sentence)


def _wrapped(head: str, text: str) -> list[str]:
    parts = textwrap.wrap(" ".join(text.split()), width() - 11)
    return [f"{head:<11}{parts[0]}", *(f"{'':11}{part}" for part in parts[1:])]


def _lacking(proof: Proof) -> Iterator[str]:
    """What the models lack of the core, each with the first step that does."""
    told: set[frozenset[str]] = set()
    for compared in proof.compared:
        for names, lacking in compared.agreement.lacking.items():
            if names in told:
                continue
            told.add(names)
            says = lacking.action.sayings(names)
            yield from _wrapped("LACKS", f"{', '.join(sorted(names))}: not so that "
                                f"{' and that '.join(says)}")  # fmt: skip
            yield from _wrapped("", f"{compared.scenario}: {lacking.action.name} at "
                                f"{lacking.where}")  # fmt: skip
            yield from _changes(compared, lacking.before, lacking.after)


def _obligation(proof: Proof, proved: Proved, *, times: bool) -> Iterator[str]:
    core = proof.core
    what = f"{proved.obligation.what} keeps {proved.obligation.clause}"
    if proved.result is not Result.PROVED:
        yield f"{'':11}{proved.result.value}  {what}"
        if proved.why:
            yield f"{'':11}  {proved.why}"[: width()]
        if proved.shot is not None:
            yield f"{'':11}  a counterexample to induction, a state of the invariant:"
            lines = snapshot_lines(core, proved.shot)
            yield from (f"{'':11}  {line}"[: width()] for line in lines)
            yield from _reached(proof, proved, proved.shot)
    elif times:
        yield f"{'':11}{proved.seconds:.3f} s  {what}"


def _reached(proof: Proof, proved: Proved, shot: Snapshot) -> Iterator[str]:
    """Whether the core comes to such a state over these objects, and whether a model does."""
    yield from _wrapped("", f"reached in the core: {reachable(proof.core, shot)}")
    found = proof.reached(proved)
    if found is None:
        yield from _wrapped("", "reached in the model: not in the scenarios below")
        return
    compared, state, params = found
    steps = compared.agreement.lacking.values()
    if any((state, params) == (step.before, step.params) for step in steps):
        yield from _wrapped("", "reached in the model: before the step above")
        return
    names = ", ".join(map(str, params))
    yield from _wrapped("", f"reached in the model: {compared.scenario}, with {names}")
    yield from _changes(compared, state, None)


def _trace(proof: Proof) -> Iterator[str]:
    """The command that shows what the failed theorem comes to, if the explorer finds that."""
    if proof.shown is None:
        yield from _wrapped("trace", "none: the explorer finds no violation of "
                            f"{' or '.join(proof.asked)} in {proof.plays} scenarios")  # fmt: skip
        return
    yield from _wrapped("trace", f"{proof.shown.invariant} is VIOLATED:")
    yield from _command(["check-invariants", *proof.shown.arguments])


def _command(words: Sequence[str]) -> Iterator[str]:
    """A command, to be pasted."""
    line = ""
    for word in map(shlex.quote, words):
        if line and 13 + len(f"{line} {word}") > width() - 2:
            yield f"{'':11}{line} \\"
            line = " "
        line += f" {word}" if line else word
    yield f"{'':11}{line}"


def inferred_lines(core: Core) -> Iterator[str]:
    """Each clause of a core left out in turn, and what is found in its place."""
    for name, found in found_again(core):
        said = f"unknown: {found.why}" if found.why else "found again"
        yield from _wrapped("without", f"{name}: {said}")
        if not found.why:
            for one in found.clauses:
                yield from _wrapped("", f"  {one.says}")


def _comparison(compared: Compared) -> Iterator[str]:
    found, wrong = compared.agreement, compared.disagreement
    if compared.why:
        yield from _wrapped("compared", f"{compared.scenario}: not to its end: {compared.why}")
    elif wrong is None:
        but = ", but for what it lacks" if found.lacking else ""
        yield from _wrapped("agrees", f"{compared.scenario}: {compared.states} states are "
                            f"{found.states} of the core, {found.steps} steps{but}")  # fmt: skip
    else:
        yield from _wrapped("DIFFERS", f"{compared.scenario}: {wrong.what}")
        if wrong.where:
            yield f"{'':11}{wrong.where}"
        yield from _changes(compared, wrong.before, wrong.after)


def _changes(compared: Compared, before: Frozen, after: Frozen | None) -> Iterator[str]:
    """A state of the model as the core has it, or what a step changes."""
    functions = compared.comparison.core.functions
    for name, place, one, two in compared.comparison.differences(before, after):
        if not functions[name].fixed:
            where = f"{name}({', '.join(map(_short, place))})"
            change = f" -> {_short(two)}" if one != two else ""
            yield f"{'':11}  {where} = {_short(one)}{change}"[: width()]


def _short(value: object) -> str:
    """A record by its kind or object, and what is true of it."""
    if value is None:
        return "-"
    text = str(value)
    match = re.fullmatch(r"\w+\((.*)\)", text)
    if match is None:
        return text
    parts = [part.partition("=") for part in match[1].split(" ")]
    said = [v for k, _, v in parts if k in ("kind", "frame") and v != "-"]
    return " ".join([*said, *(k for k, _, v in parts if v == "true")])
