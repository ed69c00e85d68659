"""Every file-name pattern reads its example, and docs/names.md shows what it reads."""

from __future__ import annotations

import pytest

from tests.support import ROOT
from thresher.catalog.provenance.name_patterns import PATTERNS, RUN_FOLDERS, Pattern
from thresher.catalog.provenance.provenance import infer
from thresher.catalog.provenance.sidecars import SYNONYMS, TRANSPARENT

NAMES = (ROOT / "docs/names.md").read_text(encoding="utf-8")


def row_of(pattern: Pattern) -> str:
    """The pattern's row of the table in docs/names.md."""
    found = infer(f"/inbox/{pattern.example}".encode()).provenance
    read = {"run": found.run, "epoch": found.epoch, "step": found.step, **found.attributes}
    shown = ", ".join(f"{key} `{value}`" for key, value in read.items() if value is not None)
    return f"| {pattern.name} | `{pattern.example}` | {shown} |"


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.example)
def test_every_pattern_reads_its_example_and_all_its_groups(pattern: Pattern) -> None:
    stem = pattern.example.rpartition(".")[0]
    match = pattern.regex.fullmatch(stem)
    assert match is not None
    assert all(match.groupdict().values()), "the example leaves a group empty"
    first = next(each for each in PATTERNS if each.regex.fullmatch(stem))
    assert first is pattern, f"{first.name} matches the example first"
    assert infer(f"/inbox/{pattern.example}".encode()).pattern == pattern.name


@pytest.mark.parametrize("pattern", RUN_FOLDERS, ids=lambda pattern: pattern.example)
def test_every_run_folder_names_the_run_of_its_example(pattern: Pattern) -> None:
    run = infer(f"/inbox/{pattern.example}".encode()).provenance.run
    assert run is not None
    assert "night" in run


def test_the_page_on_names_shows_every_pattern_in_order() -> None:
    rows = [line for line in NAMES.splitlines() if line.startswith("| ") and "`" in line]
    expected = [row_of(pattern) for pattern in (*PATTERNS, *RUN_FOLDERS)]
    assert rows[: len(expected)] == expected


def test_the_page_on_names_shows_the_special_keys_of_sidecars() -> None:
    for key in (*TRANSPARENT, *SYNONYMS, *SYNONYMS.values()):
        assert f"`{key}`" in NAMES, key
