"""Settings of songs that change how a rendering sounds."""

from __future__ import annotations

from typing import Any

from thresher.catalog.edits import Edits

SOUNDS: list[dict[str, Any]] = [
    {},
    {"crossfade": 0.4},
    {"gap": 0.25, "fade": 0.1},
    {"lufs": -20.0, "channels": 2},
    {"sample_rate": 22_050, "channels": 1, "dither": True},
    {"subtype": "FLOAT", "crossfade": 1.0, "lufs": -16.0},
    {"edits": Edits(pins=((3, 1),)), "ordering": "manual", "manual": (2, 1, 3)},
]
