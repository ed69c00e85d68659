"""Fixtures for the tests of the catalog."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert

from tests.catalog.audio_files import KINDS, SR, tones, write
from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import batch, clip, recording
from thresher.curation.clips.decisions import rate


@pytest.fixture
def clips(tmp_path: Path, write_clip: Any) -> Path:
    """Three clips of three epochs: recordings 1, 2 and 3."""
    for epoch in (1, 2, 3):
        write_clip(tmp_path / "c" / f"r_epoch_{epoch}_0.wav", epoch, 0.4)
    return tmp_path / "c"


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes files whose names contain some bytes impossible to open, even for root."""
    real = os.open

    def refuse(part: bytes) -> None:
        def opened(path: Any, *arguments: Any, **keywords: Any) -> int:
            if part in os.path.basename(os.fsencode(path)):
                raise PermissionError(13, "Permission denied")
            return real(path, *arguments, **keywords)

        monkeypatch.setattr(os, "open", opened)

    yield refuse
    monkeypatch.undo()


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each of the KINDS: name → path. Tests must not change them."""
    folder = tmp_path_factory.mktemp("kinds")
    return {
        name: write(folder / name, tones(SR * 3 + 1, channels), container, subtype)
        for name, container, subtype, channels in KINDS
    }


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    """A catalog of three recordings, the last of which was forgotten."""
    with writing(catalog) as connection:
        connection.execute(insert(batch).values(started_at=0.0, paths="[]", options="{}"))
        for key in (1, 2, 3):
            connection.execute(
                insert(recording).values(
                    sha256=str(key), batch_id=1, role="generated", status="ok", sample_rate=16_000
                )
            )
            connection.execute(
                insert(clip).values(
                    recording_id=key, kind="whole", ordinal=0, start_frame=0, end_frame=16_000, trim="{}"
                )
            )
    rate(catalog, ["2"], 4)
    with writing(catalog) as connection:
        connection.execute(delete(recording).where(recording.c.id == 3))
    catalog.close()
    return catalog
