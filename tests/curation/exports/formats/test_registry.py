"""The registry: every format is registered, and writes valid UTF-8 for any input."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from tests.support import ROOT
from thresher.curation.exports import formats
from thresher.curation.exports.formats.registry import FORMATS, ExportFormat
from thresher.curation.exports.formats.timeline import Timeline

PACKAGE = Path(formats.__path__[0])
HEAVY = {"numpy", "sqlalchemy", "rich", "typer", "soundfile", "thresher.catalog", "thresher.signal"}


@pytest.fixture(params=sorted(FORMATS))
def form(request: pytest.FixtureRequest) -> ExportFormat:
    return FORMATS[request.param]


def test_every_module_of_a_format_is_registered() -> None:
    helpers = {"__init__", "export_format", "registry", "text", "timeline"}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - helpers
    assert {form.path.partition(":")[0].rpartition(".")[2] for form in FORMATS.values()} == modules
    assert all(suffix == form.suffix for suffix, form in FORMATS.items())


def test_a_description_is_a_short_phrase(form: ExportFormat) -> None:
    assert 0 < len(form.description) <= 60
    assert not form.description.endswith(".")
    assert "\n" not in form.description


def test_the_registry_and_its_entries_are_immutable(form: ExportFormat) -> None:
    with pytest.raises(TypeError):
        FORMATS[".x"] = form  # type: ignore[index]  # the registry refuses it
    with pytest.raises(FrozenInstanceError):
        form.suffix = ".x"  # type: ignore[misc]  # a format is frozen


def test_importing_the_registry_loads_no_heavy_module() -> None:
    code = "import sys, thresher.curation.exports.formats.registry; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_formats_import_nothing_from_the_rest_of_the_package(path: Path) -> None:
    allowed = ("thresher.curation.exports", "thresher.curation", "thresher.errors", "thresher.formatting")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            assert (
                module.startswith(allowed[0])
                or module in allowed
                or module
                in sys.stdlib_module_names
                | {
                    "collections.abc",
                    "urllib.parse",
                }
            )
            assert module != allowed[1] or [name.name for name in node.names] == ["exports"]
        elif isinstance(node, ast.Import):
            assert all(name.name in sys.stdlib_module_names for name in node.names)


def test_a_song_without_clips_can_be_written(
    form: ExportFormat, clips: Callable[..., Timeline], folder: bytes
) -> None:
    assert isinstance(form.text(clips(0), folder), str)


def test_any_text_can_be_written_as_utf8(
    form: ExportFormat, nasty_text: str, clips: Callable[..., Timeline], folder: bytes
) -> None:
    song = replace(clips(2, title=nasty_text, run=nasty_text), title=nasty_text, comment=nasty_text)
    assert form.text(song, folder).encode("utf-8")


def test_any_path_can_be_written_as_utf8(
    form: ExportFormat, nasty_path: bytes, clips: Callable[..., Timeline], folder: bytes
) -> None:
    song = replace(clips(2, path=nasty_path), audio=nasty_path)
    assert form.text(song, folder).encode("utf-8")


def test_the_json_format_is_the_manifest(song: Timeline, folder: bytes) -> None:
    text = FORMATS[".json"].text(song, folder)
    assert text == song.manifest
    assert json.loads(text) == {"song": "DOMAINAL SKELETON"}


def test_the_page_on_songs_has_a_row_for_each_format() -> None:
    page = (ROOT / "docs/songs.md").read_text(encoding="utf-8")
    for form in FORMATS.values():
        assert f"| `{form.suffix}` | {form.description} |" in page
