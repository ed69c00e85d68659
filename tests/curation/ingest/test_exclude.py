"""What a scan leaves out by patterns, with the rules of .gitignore."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.exclude import Exclude, Exclusion
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions, check_options
from thresher.curation.ingest.scan import scan
from thresher.errors import UsageError

PATHS = [
    "a.wav",
    "a_16k.wav",
    "run7/a.wav",
    "run7/demos/a.wav",
    "run7/demos/deep/b.wav",
    "run8/demos/a.wav",
    "Ünï/[x].wav",
]


def left(*patterns: str) -> list[str]:
    """The paths of PATHS that a scan keeps, which never looks into a folder that is left out."""
    leave_out = Exclude(patterns)
    kept = []
    for path in PATHS:
        parts = path.split("/")
        folders = ["/".join(parts[:end]) for end in range(1, len(parts))]
        if any(leave_out.leaves_out(folder, is_folder=True) for folder in folders):
            continue
        if not leave_out.leaves_out(path, is_folder=False):
            kept.append(path)
    return kept


@pytest.mark.parametrize(
    ("patterns", "excluded"),
    [
        (["*_16k.wav"], {"a_16k.wav"}),
        (["a.wav"], {"a.wav", "run7/a.wav", "run7/demos/a.wav", "run8/demos/a.wav"}),
        (["/a.wav"], {"a.wav"}),
        (["./a.wav"], {"a.wav"}),
        (["demos"], {"run7/demos/a.wav", "run7/demos/deep/b.wav", "run8/demos/a.wav"}),
        (["demos/"], {"run7/demos/a.wav", "run7/demos/deep/b.wav", "run8/demos/a.wav"}),
        (["a.wav/"], set()),
        (["run7/demos"], {"run7/demos/a.wav", "run7/demos/deep/b.wav"}),
        (["run7/*"], {"run7/a.wav", "run7/demos/a.wav", "run7/demos/deep/b.wav"}),
        (["run7/**"], {"run7/a.wav", "run7/demos/a.wav", "run7/demos/deep/b.wav"}),
        (["**/deep"], {"run7/demos/deep/b.wav"}),
        (["run7/**/b.wav"], {"run7/demos/deep/b.wav"}),
        (["run?/a.wav"], {"run7/a.wav"}),
        (["run[!7]"], {"run8/demos/a.wav"}),
        (["run[7-8]/a.wav"], {"run7/a.wav"}),
        (["A.wav"], set()),
        ([r"\[x\].wav"], {"Ünï/[x].wav"}),
        (["U\u0308n*"], {"Ünï/[x].wav"}),  # a decomposed name, as macOS stores it
        (["*", "!a_16k.wav"], set(PATHS) - {"a_16k.wav"}),
        (["*.wav", "!a.wav"], {"a_16k.wav", "run7/demos/deep/b.wav", "Ünï/[x].wav"}),
        (["demos", "!demos/a.wav"], {"run7/demos/a.wav", "run7/demos/deep/b.wav", "run8/demos/a.wav"}),
    ],
)
def test_patterns(patterns: list[str], excluded: set[str]) -> None:
    assert set(PATHS) - set(left(*patterns)) == excluded


@given(st.text("ab*?", min_size=1, max_size=9), st.text("ab", min_size=1, max_size=9))
def test_a_pattern_of_a_name_fits_what_fnmatch_fits(pattern: str, name: str) -> None:
    assert Exclude([pattern]).leaves_out(name, is_folder=False) == fnmatchcase(name, pattern)


def fits(pattern: Sequence[str], path: Sequence[str]) -> bool:
    """Whether a path of folders and a name fits a pattern, in which `**` is any number of folders."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(fits(pattern[1:], path[start:]) for start in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and fits(pattern[1:], path[1:])


@given(
    st.lists(st.sampled_from(["**", "**", "a", "*b", "?", "a*"]), max_size=6),
    st.sampled_from(["a", "*b", "?", "a*"]),
    st.lists(st.sampled_from(["a", "b", "ab", "ba"]), min_size=1, max_size=6),
)
def test_a_pattern_of_folders_fits_what_each_of_its_names_fits(
    folders: list[str], name: str, path: list[str]
) -> None:
    pattern = [*folders, name] if folders else ["**", name]
    found = Exclude(["/".join([*folders, name])]).leaves_out("/".join(path), is_folder=False)
    assert found == fits(pattern, path)


def test_a_pattern_with_many_stars_ends_for_a_long_name_that_it_does_not_fit() -> None:
    """Tried in all combinations, this would take years."""
    assert not Exclude(["*" + "-*" * 20 + "b"]).leaves_out("a-" * 120 + ".wav", is_folder=False)


@pytest.mark.parametrize("piece", ["**/", "a/**/", "**/*a*/"])
def test_a_pattern_of_many_folders_ends_for_a_deep_path_that_it_does_not_fit(piece: str) -> None:
    exclude = Exclude([f"{piece * 20}x"])
    assert not exclude.leaves_out("a/" * 60 + "y", is_folder=False)
    assert exclude.leaves_out("a/" * 60 + "x", is_folder=False)


def test_names_that_are_not_utf8_can_be_left_out(tmp_path: Path) -> None:
    for name in (b"a\xff.wav", b"b.wav"):
        open(os.path.join(os.fsencode(tmp_path), name), "wb").close()
    found = scan([tmp_path], [os.fsdecode(b"*\xff*")])
    assert [os.path.basename(file.path) for file in found.files] == [b"b.wav"]


@pytest.mark.parametrize("pattern", ["", "/", "!", "a//b", "[z-a]"])
def test_patterns_that_fit_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(UsageError, match="--exclude"):
        check_options(IngestOptions(exclude=(pattern,)))


def test_a_scan_counts_what_each_pattern_left_out(tmp_path: Path) -> None:
    for path in ("kept.wav", "a_draft.wav", "sub/b_draft.wav", "demos/c.wav", "demos/d.wav", "e_draft.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    found = scan([tmp_path], ["*_draft.*", "demos/", "nothing"])
    assert [os.path.basename(file.path) for file in found.files] == [b"kept.wav"]
    assert found.excluded == (
        Exclusion("*_draft.*", 2, 0),
        Exclusion("demos/", 0, 1),
        Exclusion("nothing", 0, 0),
    )
    assert scan([tmp_path / "a_draft.wav"], ["*_draft.*"]).files == ()


def test_an_ingest_reports_exclusions_and_leaves_known_files_as_they_are(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    write_clip(tmp_path / "runs" / "kept_epoch_1.wav", 1, 0.5)
    write_clip(tmp_path / "runs" / "demos" / "known_epoch_1.wav", 2, 0.5)
    ingest(catalog, [tmp_path / "runs"], serial)
    write_clip(tmp_path / "runs" / "demos" / "new_epoch_1.wav", 3, 0.5)
    options = replace(serial, exclude=("demos",))
    for each in (replace(options, dry_run=True), options):
        report = ingest(catalog, [tmp_path / "runs"], each)
        assert (report.added, report.missing, report.unchanged) == (0, 0, 1)
        assert report.excluded == (Exclusion("demos", 0, 1),)
    assert len(list_clips(catalog, "missing:no")) == 2
