# SPDX-License-Identifier: GPL-2.0-only
"""How much memory there is, for the machine and for whoever is in a control group."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.engine.memory import free, memory_limit
from model.lang.errors import ModelError

GIB = 1 << 30
V2 = "31 24 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "36 31 0:34 /box /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
CPU = "37 31 0:35 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"


def machine(root: Path, groups: str, mounts: str) -> None:
    """A machine with 8 GiB available."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text("MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n")
    (root / "proc/self/cgroup").write_text(groups)
    (root / "proc/self/mountinfo").write_text(mounts)


def group(root: Path, name: str, **files: object) -> None:
    here = root / "sys/fs/cgroup" / name
    here.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (here / file.replace("memory_", "memory.")).write_text(f"{text}\n")


def test_no_group(tmp_path: Path) -> None:
    assert free(tmp_path) > 0
    machine(tmp_path, "0::/\n", V2)
    assert free(tmp_path) == 8 * GIB
    group(tmp_path, "")  # the topmost has no files
    assert free(tmp_path) == 8 * GIB


def test_version_2(tmp_path: Path) -> None:
    machine(tmp_path, "0::/user/me\n", f"{CPU}\n{V2}\n")
    group(tmp_path, "user/me", memory_max="max", memory_high="max", memory_current=GIB,
          memory_stat=f"anon 7\ninactive_file {GIB // 4}")  # fmt: skip
    assert free(tmp_path) == 8 * GIB
    group(tmp_path, "user/me", memory_max=3 * GIB)
    assert free(tmp_path) == 2 * GIB + GIB // 4
    group(tmp_path, "user/me", memory_high=2 * GIB)
    assert free(tmp_path) == GIB + GIB // 4
    group(tmp_path, "user/me", memory_max=64 * GIB, memory_high="max")
    assert free(tmp_path) == 8 * GIB
    group(tmp_path, "user", memory_max=4 * GIB, memory_high="max", memory_current=5 * GIB,
          memory_stat="inactive_file 0")  # fmt: skip
    assert free(tmp_path) == 0


def test_version_1(tmp_path: Path) -> None:
    """Seen from inside a container, whose group is what is mounted."""
    machine(tmp_path, "4:memory:/box/a\n3:cpu,cpuacct:/b\n0::/\n", f"{CPU}\n{V1}\n{V2}")
    group(tmp_path, "memory/a", memory_limit_in_bytes=(1 << 63) - 4096,
          memory_usage_in_bytes=GIB, memory_stat="total_inactive_file 5")  # fmt: skip
    assert free(tmp_path) == 8 * GIB
    group(tmp_path, "memory", memory_limit_in_bytes=2 * GIB, memory_usage_in_bytes=GIB,
          memory_stat="total_inactive_file 4096")  # fmt: skip
    assert free(tmp_path) == GIB + 4096
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/elsewhere\n")
    assert free(tmp_path) == 8 * GIB


def test_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checks.engine.memory.free", lambda: 8 * GIB)
    assert memory_limit("", 2) == 2 * GIB
    assert memory_limit("500M", 2) == 500 << 20
    with pytest.raises(ModelError, match="not a size"):
        memory_limit("much", 1)
