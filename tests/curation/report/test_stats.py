"""The totals of a catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.support import RATE
from thresher.catalog.catalog import Catalog
from thresher.catalog.catalog_backups import BackupState, backup_state
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.report import stats as stats_module
from thresher.curation.report.stats import stats


def test_stats_counts_what_the_catalog_holds(small_catalog: Catalog) -> None:
    found = stats(small_catalog)
    assert found.recordings == {"ok": 4, "silent": 1, "too_short": 1, "unreadable": 1}
    assert (found.references, found.clips, found.batches, found.songs) == (1, 9, 2, 1)
    assert (found.present, found.missing, found.unread) == (9, 4, 1)
    assert found.minutes_generated == pytest.approx(50 / 60)
    # 5 s, 10 s, 1 s, parts of 3 s and 2 s, and 5 s that only the mark holds; silence and references are not kept
    assert found.minutes_kept == pytest.approx(26 / 60)
    assert (found.runs, found.checkpoints) == (2, 3)  # that of the reference wrote nothing
    assert (found.ratings, found.rated, found.rejected) == ({1: 1, 3: 1, 4: 1, 5: 1}, 4, 1)
    prefix, *others = found.metrics
    assert [(row.name, row.live) for row in others] == [("aligned", 0), ("likeness", 0)]
    assert (prefix.name, prefix.version, prefix.live, prefix.open) == ("prefix", 1, 2, 1)
    assert found.trimmed_otherwise == 1
    assert found.database_bytes > 0


@pytest.mark.sqlite_only("a file")
def test_stats_tells_the_size_of_the_file(small_catalog: Catalog) -> None:
    assert stats(small_catalog).database_bytes == (small_catalog.root / "catalog.db").stat().st_size


def test_stats_counts_kinds_of_shown_clips(cut_clips: Catalog) -> None:
    found = stats(cut_clips)
    assert (found.clips, found.wholes, found.parts, found.marks, found.split) == (8, 3, 3, 2, 1)
    assert found.recordings == {"ok": 4}
    assert 60 * found.minutes_kept == pytest.approx(28)
    assert (found.trimmed_otherwise, found.unmeasured) == (0, 0)


def test_a_truncated_file_without_sound_is_not_counted_as_unmeasured(
    catalog: Catalog, tmp_path: Path, serial: IngestOptions
) -> None:
    file = tmp_path / "clips" / "a.wav"
    file.parent.mkdir()
    soundfile.write(file, np.zeros(4 * RATE, np.float32), RATE)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    ingest(catalog, [file.parent], serial)
    found = stats(catalog)
    assert found.recordings == {"truncated": 1}
    assert found.unmeasured == 0


def test_no_transaction_is_open_while_backups_are_counted(
    small_catalog: Catalog, open_transactions: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ones = []

    def watched(catalog: Catalog) -> BackupState:
        open_ones.append(len(open_transactions))
        return backup_state(catalog)

    monkeypatch.setattr(stats_module, "backup_state", watched)
    assert stats(small_catalog).backups.whole == ()
    assert open_ones == [0]
