"""`thresher note`: a note can contain any text."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.support import run_command
from thresher.interfaces.cli.output import Format, emit


def test_markup_and_html_in_notes_and_tags_are_data(home: Path) -> None:
    text = "[red]loud[/red] <script>alert(1)</script>"
    assert run_command("note", "4", text, cwd=home).returncode == 0
    assert run_command("tag", "4", "--add", "[bold]riff", cwd=home).returncode == 0
    shown = run_command("show", "4", cwd=home).stdout
    assert text in shown
    assert "[bold]riff" in run_command("list", "4", cwd=home).stdout
    assert run_command("undo", cwd=home).returncode == 0
    assert run_command("undo", cwd=home).returncode == 0


def test_control_characters_in_notes_are_escaped(home: Path) -> None:
    assert run_command("note", "4", "\x1b[2Jgone\nnext line", cwd=home).returncode == 0
    shown = run_command("show", "4", cwd=home).stdout
    assert "\\x1b[2Jgone\\nnext line" in shown
    for done in (run_command("history", cwd=home), run_command("undo", cwd=home)):
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr


def test_control_characters_are_escaped_in_csv_and_json_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    rows = [{"note": "a\x1b[2Jb\x9b\u202e", "path": "é.wav"}]
    for form in (Format.CSV, Format.JSON, Format.JSONL):
        shown = {}
        for kind in (Terminal, io.TextIOWrapper):
            stream = kind(io.BytesIO(), "utf-8")
            monkeypatch.setattr("sys.stdout", stream)
            emit(rows, [], form)
            stream.flush()
            shown[kind] = stream.buffer.getvalue().decode()  # type: ignore[attr-defined]  # a BytesIO
        text = shown[Terminal]
        assert text.replace("\n", "").isprintable()
        assert "é.wav" in text
        assert "\\u001b[2Jb\\u009b\\u202e" in text
        if form is Format.CSV:
            assert "\x1b[2Jb\x9b" in shown[io.TextIOWrapper]  # a file keeps the data as they are
        else:
            parsed = json.loads(text)
            assert (parsed[0] if isinstance(parsed, list) else parsed) == rows[0]
