"""The sections and the header of a report."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import checkpoint
from thresher.curation.clips.decisions import rate, reject
from thresher.curation.report.report import report_data
from thresher.interfaces.report import view


def test_everything_with_the_verdict_keep_has_a_section(
    trained: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though there is room for one section only, and all clips of the first checkpoint are rejected."""
    monkeypatch.setattr(view, "MOST_SECTIONS", 1)
    with writing(trained) as connection:
        connection.execute(update(checkpoint).where(checkpoint.c.epoch < 2).values(verdict="keep"))
    reject(trained, ["epoch:0"])
    data = report_data(trained)
    sections = view.sections(data, view.Speaker(b"/"))
    assert [section.verdict for section in sections] == ["keep", "keep"]
    assert sections[0].best_title.startswith("No clip to hear")
    assert sections[0].best == ()


def test_the_header_counts_what_the_query_finds(trained: Catalog) -> None:
    rate(trained, ["1", ",", "3"], 5)
    data = report_data(trained, ["epoch:1.."])
    assert view.summary(data) == [
        ("4", "clips"),
        ("2", "checkpoints"),
        ("1", "run"),
        ("0:16", "of clips"),
        ("1", "rated"),
        ("0", "rejected"),
    ]
    assert view.summary(report_data(trained))[4] == ("2", "rated")
