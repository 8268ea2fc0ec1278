# SPDX-License-Identifier: GPL-2.0-only
"""`shoot` as one would write it for SPIN by hand: bytes, sets as bits, one option for each rule."""

from __future__ import annotations


def shoot_pml(cpus: int, pages: int, frames: int) -> str:
    """The Promela text of a size."""
    full = sum(1 << f for f in range(1, frames + 1))
    entries = [f"tlb[{i}]" for i in range(cpus * pages)] + [f"pte[{p}]" for p in range(pages)]
    named = " && ".join(f"({e} == 0 || (used & (1 << {e})) != 0)" for e in entries)
    options = []
    for c in range(cpus):
        others = sum(1 << o for o in range(cpus) if o != c)
        idle, back = f"pc[{c}] == 0", f"lock_ = 0; pc[{c}] = 0; pg[{c}] = 0"
        entry, own = f"pte[pg[{c}]]", f"tlb[{c * pages} + pg[{c}]]"
        for p in range(pages):
            cached = f"tlb[{c * pages + p}]"
            start = f"lock_ = {c + 1}; pg[{c}] = {p}"
            options += [
                (f"pte[{p}] != 0 && {cached} == 0", f"{cached} = pte[{p}]"),
                (
                    f"{idle} && lock_ == 0 && pte[{p}] == 0 && {cached} == 0",
                    f"{start}; pc[{c}] = 1",
                ),
                (f"{idle} && lock_ == 0", f"{start}; pc[{c}] = 2"),
            ]
        for f in range(1, frames + 1):
            taken = f"{entry} = {f}; used = used | {1 << f}"
            options.append(
                (f"pc[{c}] == 1 && {entry} == 0 && (used & {1 << f}) == 0", f"{taken}; {back}")
            )
        free = f"used = used & ~(1 << old[{c}])"
        options += [
            (f"pc[{c}] == 1 && ({entry} != 0 || used == {full})", back),
            (f"pc[{c}] == 2 && {entry} == 0", back),
            (f"pc[{c}] == 2 && {entry} != 0", f"old[{c}] = {entry}; {entry} = 0; pc[{c}] = 3"),
            (f"pc[{c}] == 3", f"{own} = 0; ipi[{c}] = {others}; lock_ = 0; pc[{c}] = 4"),
            (f"pc[{c}] == 4 && ipi[{c}] == 0", f"{free}; pc[{c}] = 0; pg[{c}] = 0; old[{c}] = 0"),
        ]
        for o in range(cpus):
            if o != c:
                options.append(
                    (
                        f"(ipi[{o}] & {1 << c}) != 0",
                        f"tlb[{c * pages} + pg[{o}]] = 0; ipi[{o}] = ipi[{o}] & ~{1 << c}",
                    )
                )
    lines = [
        f"byte pte[{pages}]; byte tlb[{cpus * pages}]; byte used; byte lock_;",
        f"byte pc[{cpus}]; byte pg[{cpus}]; byte old[{cpus}]; byte ipi[{cpus}];",
        "active proctype M() { do",
        *(f":: d_step {{ ({guard}) -> {body}; assert({named}) }}" for guard, body in options),
        "od }",
    ]
    return "\n".join(lines) + "\n"
