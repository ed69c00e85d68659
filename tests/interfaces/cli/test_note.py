"""`thresher note`: a note can contain any text."""

from __future__ import annotations

from pathlib import Path

from tests.support import run_command


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
