"""Options that several commands share."""

from __future__ import annotations

import pytest

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
