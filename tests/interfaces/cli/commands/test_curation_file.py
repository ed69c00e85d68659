"""`thresher export-catalog` and `thresher import-catalog`: what they say and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import Command, MakeCatalog, WriteClip


@pytest.mark.long
def test_curation_moves_to_another_catalog(
    new_catalog: MakeCatalog, tmp_path: Path, command: Command, write_clip: WriteClip
) -> None:
    for name in ("one", "two"):
        new_catalog(tmp_path / name).close()
    for number, name in enumerate(("a", "b")):
        write_clip(tmp_path / f"clips/{name}.wav", number, 0.5)
    one, two = (("--catalog", tmp_path / name / "catalog.toml") for name in ("one", "two"))
    assert command(*one, "ingest", "clips", "--jobs", "1").returncode == 0
    assert command(*one, "rate", "1", "4").returncode == 0
    assert command(*one, "tag", "1", "2", "--add", "slow").returncode == 0
    assert command(*one, "song", "save", "S", "2").returncode == 0
    done = command(*one, "export-catalog", "c.jsonl")
    assert (done.returncode, "2 recordings, 1 song, 3 decisions" in done.stdout) == (0, True)
    assert json.loads(command(*one, "export-catalog", "c.jsonl", "--json").stdout)["lines"]["song"] == 1

    assert command(*two, "ingest", "clips/b.wav", "--jobs", "1").returncode == 0
    part = command(*two, "import-catalog", "c.jsonl")
    assert part.returncode == 5
    assert "1 recording not in the catalog" in part.stderr
    assert "a.wav" in part.stderr
    assert command(*two, "ingest", "clips/a.wav", "--jobs", "1").returncode == 0
    dry = command(*two, "import-catalog", "c.jsonl", "--dry-run")
    assert (dry.returncode, dry.stdout) == (
        0,
        "dry run: 2 changes to 2 recordings and 1 song, 0 new renderings\n",
    )
    assert command(*two, "rate", "2", "1").returncode == 0
    done = command(*two, "import-catalog", "c.jsonl")
    assert "clip 2: rating 1 here, 4 in the file" in done.stderr
    decision = done.stdout.partition(":")[0].removeprefix("decision ")
    assert f"`thresher undo {decision}` reverts it\n" in done.stderr
    assert "thresher undo" not in dry.stderr
    assert "the catalog's value stays; --replace lets the file win" in done.stderr
    report = json.loads(command(*two, "import-catalog", "c.jsonl", "--replace", "--json").stdout)
    assert (report["changes"], report["missing"]) == (1, [])
    again = command(*two, "import-catalog", "c.jsonl")
    assert (again.returncode, again.stdout) == (0, "0 changes to 2 recordings and 1 song, 0 new renderings\n")
