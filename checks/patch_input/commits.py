# SPDX-License-Identifier: GPL-2.0-only
"""Reads a list of commits: a log, a pull request that picks commits, hashes run together.

There is no diff in it, so nothing in it can be decided; it is read to say what it lists.
"""

from __future__ import annotations

import re

_PICKED = re.compile(r"\(cherry picked from commit ([0-9a-f]{7,40})\)")
_ONELINE = re.compile(r"(?:commit\s+)?([0-9a-f]{7,40})\s+(?:\([^)]*\)\s+)?(\S.*\S)\s*$")
_LOG = re.compile(r"commit ([0-9a-f]{40})\b")
_RUN = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{12}){2,}(?![0-9a-f])")
_SENTENCE = re.compile(r"(.*?\w.*?[.!?])(?:\s+[A-Z(\[]|\s*$)")
_LONGEST = 90


def find_commits(text: str) -> tuple[str, ...]:
    """The commits of a list, each as its hash and its subject, or the first sentence about it.

    Empty if the text does not list at least two.
    """
    found: dict[str, str] = {}
    run = {
        together[i : i + 7]: together[i : i + 12]
        for together in _RUN.findall(text)
        for i in range(0, len(together), 12)
    }
    lines = text.split("\n")
    for number, line in enumerate(lines):
        picked = _PICKED.search(line)
        log = _LOG.match(line)
        oneline = _ONELINE.match(line)
        if picked:
            _add(found, run, picked.group(1), _about(line[: picked.start()]))
        elif log:
            body = [more.strip() for more in lines[number + 1 : number + 12]]
            after = body[body.index("") + 1 :] if "" in body else []
            _add(found, run, log.group(1), _about(after[0] if after else ""))
        elif oneline and any(c.isdigit() for c in oneline.group(1)):
            _add(found, run, oneline.group(1), _about(oneline.group(2)))
    for commit in run.values():
        found.setdefault(commit, "")
    if len(found) < 2:
        return ()
    return tuple(f"{commit} {about}".rstrip() for commit, about in found.items())


def _add(found: dict[str, str], run: dict[str, str], commit: str, about: str) -> None:
    """The longer form of a hash, if the text has one."""
    full = run.get(commit[:7], commit[:12])
    found.setdefault(full, about)


def _about(text: str) -> str:
    text = " ".join(text[:1000].split())
    sentence = _SENTENCE.match(text)
    text = (sentence.group(1) if sentence else text).rstrip(".")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3].rsplit(" ", 1)[0] + "..."
