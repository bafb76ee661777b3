"""Energy counters as Linux shows them: read, subtracted, and passed over where they may not be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.runs.energy import Counters, read_counters


def a_zone(folder: Path, zone: str, name: str, joules: float) -> None:
    (folder / zone).mkdir(exist_ok=True)
    for file, text in (("name", name), ("energy_uj", str(int(joules * 1e6))), ("max_energy_range_uj", "1000000000")):
        (folder / zone / file).write_text(f"{text}\n")


def test_whole_processors_count_and_not_their_parts(tmp_path: Path) -> None:
    a_zone(tmp_path, "intel-rapl:0", "package-0", 100.0)
    a_zone(tmp_path, "intel-rapl:1", "package-1", 900.0)
    a_zone(tmp_path, "intel-rapl:0:0", "core", 7.0)
    a_zone(tmp_path, "intel-rapl:2", "psys", 7.0)
    before = read_counters(tmp_path)
    a_zone(tmp_path, "intel-rapl:0", "package-0", 130.0)
    a_zone(tmp_path, "intel-rapl:1", "package-1", 50.0)  # It has begun anew at 1000.
    assert read_counters(tmp_path).since(before) == pytest.approx(30.0 + 150.0)


def test_where_nothing_counts_nobody_knows(tmp_path: Path) -> None:
    a_zone(tmp_path, "intel-rapl:0", "package-0", 1.0)
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()
    (tmp_path / "intel-rapl:0" / "energy_uj").mkdir()  # As a file that may not be read: not even root can.
    processors = read_counters(tmp_path)
    assert not [name for name in processors.joules if name.startswith("intel")]
    assert Counters({}).since(Counters({})) is None
    assert Counters({"a": (1.0, 0.0)}).since(Counters({})) is None
