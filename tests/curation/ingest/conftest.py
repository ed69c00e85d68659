"""Fixtures for the tests of ingests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def six_clips(tmp_path: Path, write_clip: Any) -> Path:
    """Six clips of three checkpoints."""
    folder = tmp_path / "clips"
    for epoch in (10, 20, 30):
        for index in range(2):
            write_clip(folder / f"death_epoch_{epoch}_{index}.wav", epoch + index)
    return folder
