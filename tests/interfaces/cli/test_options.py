"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import run_command
from thresher.errors import UsageError
from thresher.interfaces.cli.options import form_of
from thresher.interfaces.cli.output import Format


def test_json_is_a_short_form_that_contradicts_other_formats() -> None:
    assert form_of(Format.TABLE, json=False) is Format.TABLE
    assert form_of(Format.CSV, json=False) is Format.CSV
    assert form_of(Format.TABLE, json=True) is Format.JSON
    assert form_of(Format.JSON, json=True) is Format.JSON
    with pytest.raises(UsageError, match="--json contradicts --format csv"):
        form_of(Format.CSV, json=True)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("near", "1"), "--at"),
        (("near", "1", "--at", "0"), "--length"),
        (("split", "1"), "--seconds"),
        (("split", "1"), "--every"),
        (("export", "1", "--to", "out"), "--fade"),
        (("song", "save", "A", "status:ok", "--salvage"), "--least"),
    ],
)
def test_an_option_in_seconds_takes_times_as_listings_write_them(
    tmp_path: Path, words: tuple[str, ...], option: str
) -> None:
    assert run_command("init", cwd=tmp_path).returncode == 0
    seconds, minutes = (run_command(*words, option, text, cwd=tmp_path) for text in ("61.5", "1:01.5"))
    assert minutes == seconds
    assert "Invalid value" not in seconds.stderr
    said = run_command(*words, option, "1:75", cwd=tmp_path)
    assert said.returncode == 2
    assert '"1:75" is not a time' in said.stderr
    assert "is not a time" not in run_command(*words, option, "-1", cwd=tmp_path).stderr
