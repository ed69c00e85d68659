"""What counts as silence at the ends of a recording. Reading this module loads no numerical library."""

from __future__ import annotations

import math
from dataclasses import dataclass

TRIM_VERSION = 2
"""Increase it with every change of the spans that the same settings give. Version 1 does not remove an offset."""


@dataclass(frozen=True)
class TrimSettings:
    """What counts as silence.

    `top_db` is in decibels below the loudest analysis frame, > 0. Everything below `floor_db` (dBFS, < 0) is
    silence. `frame_length` and `hop_length` are in frames; `frame_length` is a multiple of 2 · `hop_length`.
    `version` is TRIM_VERSION or 1, for the spans of clips that were analysed under it.

    Raises ValueError for other values.
    """

    top_db: float = 50.0
    frame_length: int = 256
    hop_length: int = 64
    floor_db: float = -72.0
    version: int = TRIM_VERSION

    def __post_init__(self) -> None:
        # Each comparison is written so that NaN fails it.
        if not self.hop_length > 0:
            raise ValueError(f"hop_length must be above 0 frames, not {self.hop_length!r}")
        if not self.frame_length > 0 or self.frame_length % (2 * self.hop_length):
            raise ValueError(
                f"frame_length must be a multiple of 2 x hop_length = {2 * self.hop_length} frames, "
                f"not {self.frame_length!r}"
            )
        if not 0 < self.top_db < math.inf:
            raise ValueError(f"top_db must be above 0 decibels, not {self.top_db!r}")
        if not -math.inf < self.floor_db < 0:
            raise ValueError(f"floor_db must be below 0 dBFS, not {self.floor_db!r}")
        if self.version not in range(1, TRIM_VERSION + 1):
            raise ValueError(f"version must be from 1 to {TRIM_VERSION}, not {self.version!r}")
