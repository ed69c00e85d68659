"""The sound that a player gets. `interfaces/cli/commands/test_play.py` tests the players."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from tests.support import RATE, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.cutting.marks import mark
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.player import clip_audio


def test_the_ends_of_a_mark_are_faded_and_those_of_a_whole_are_not(
    catalog: Catalog, tmp_path: Path, write_clip: WriteClip, serial: IngestOptions
) -> None:
    own, _ = soundfile.read(write_clip(tmp_path / "a.wav", 1, 1.0), dtype="int16")
    ingest(catalog, [tmp_path / "a.wav"], serial)
    mark(catalog, "1", 0.25, 0.75)
    with clip_audio(catalog, 1) as audio:
        whole, _ = soundfile.read(audio.file, dtype="int16")
    with clip_audio(catalog, 2) as audio:
        marked, _ = soundfile.read(audio.file, dtype="int16")
    np.testing.assert_array_equal(whole, own)
    span, fade = own[RATE // 4 : RATE * 3 // 4], round(catalog.settings.song.fade * RATE)
    np.testing.assert_array_equal(marked[fade:-fade], span[fade:-fade])
    assert abs(span[0]) > 100
    assert max(abs(marked[0]), abs(marked[-1])) <= 1
