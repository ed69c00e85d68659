"""Where the values of a recipe come from: corrected, name, sidecar, tag, command, folder, or only the catalog."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.catalog.tagged_files import flac
from thresher.catalog.provenance.name_patterns import PATTERNS
from thresher.curation.origin.sources import FileStatements, changed_since, read_statements, with_sources


def statements(folder: Path) -> FileStatements:
    (folder / "night").mkdir()
    path = folder / "night" / "x_e=25_t=0.95.flac"
    path.write_bytes(flac({"seed": "42", "prompt": "rain", "title": "a"}))
    sidecar = {"temperature": 0.8, "cfg": 3, "argv": ["g.py", "--seed", "1", "--out", "o.wav"]}
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    return read_statements(os.fsencode(path), PATTERNS)


def test_every_value_has_the_first_source_that_says_it(tmp_path: Path) -> None:
    file = statements(tmp_path)
    stored = {"run": "night", "epoch": "25", "temperature": "0.95", "cfg": "3", "seed": "1", "prompt": "rain"}
    values = with_sources({**stored, "mood": "dark", "top_k": "5"}, frozenset({"top_k"}), file)
    assert [(value.name, value.text, value.source, value.place) for value in values] == [
        ("run", "night", "folder", None),
        ("epoch", "25", "name", None),
        ("temperature", "0.95", "name", None),
        ("cfg", "3", "sidecar", "x_e=25_t=0.95.json"),
        ("seed", "1", "sidecar", "x_e=25_t=0.95.json"),
        ("prompt", "rain", "tag", "prompt"),
        ("mood", "dark", "catalog", None),
        ("top_k", "5", "corrected", None),
        ("out", "o.wav", "command", None),
    ]
    assert file.command == ("g.py", "--seed", "1", "--out", "o.wav")
    assert file.notes == ()


def test_a_statement_that_changed_since_the_ingest_is_a_note(tmp_path: Path) -> None:
    file = statements(tmp_path)
    values = with_sources({"cfg": "4", "epoch": "25"}, frozenset(), file)
    (note,) = changed_since(values, file)
    assert note.startswith("x_e=25_t=0.95.json now says cfg=3; `thresher ingest --reread`")
    assert changed_since(with_sources({"cfg": "4"}, frozenset({"cfg"}), file), file) == ()


def test_a_file_that_is_gone_still_has_a_name(tmp_path: Path) -> None:
    file = read_statements(os.fsencode(tmp_path / "x_e=25_t=0.95.wav"), PATTERNS)
    assert file.by_name["epoch"] == "25"
    assert file.notes == ("the file is gone, so its tags are unknown",)
