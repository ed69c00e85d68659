"""The audio file of a song: its format and subtype."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.support import MakeSound
from thresher.catalog.catalog import Catalog
from thresher.curation.renderings.render import RenderReport, render
from thresher.errors import UsageError

Samples = NDArray[np.float64]


Make = Callable[..., tuple[Samples, RenderReport]]


@pytest.mark.parametrize(
    ("subtype", "suffix", "expected"),
    [
        ("PCM_16", ".wav", "PCM_16"),
        ("PCM_24", ".wav", "PCM_24"),
        ("FLOAT", ".wav", "FLOAT"),
        ("PCM_24", ".flac", "PCM_24"),
        ("PCM_24", ".ogg", "VORBIS"),
        (None, ".wav", "PCM_24"),
        (None, ".flac", "PCM_24"),
    ],
)
def test_the_subtype_of_the_song_is_used_if_the_format_offers_a_choice(
    sound: MakeSound,
    made: Make,
    catalog: Catalog,
    tmp_path: Path,
    subtype: str | None,
    suffix: str,
    expected: str,
) -> None:
    made([sound(0)], {"subtype": subtype})
    report = render(catalog, "Bone", tmp_path / f"form{suffix}")
    assert report.subtype == soundfile.info(tmp_path / f"form{suffix}").subtype == expected


def test_a_subtype_that_the_format_can_not_hold_is_refused(
    sound: MakeSound, made: Make, catalog: Catalog, tmp_path: Path
) -> None:
    made([sound(0)], {"subtype": "FLOAT"})
    with pytest.raises(UsageError, match="FLAC can't hold FLOAT"):
        render(catalog, "Bone", tmp_path / "bone.flac")
