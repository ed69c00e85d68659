"""How a recording is split into parts. Reading this module loads no numerical library."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

SPLIT_SECONDS = 0.4
"""The longest silence inside a part, by default."""


@dataclass(frozen=True)
class SplitSettings:
    """How a recording is split: by exactly one of three rules.

    - `silence`: at silences longer than this, in seconds, > 0. The parts are the sounds between them, trimmed.
    - `every`: into cells of this length, in seconds, > 0. The last one may be shorter.
    - `count`: into this number of cells of equal length, 2 or more.

    Raises ValueError for other values, and unless one rule is given.
    """

    silence: float | None = None
    every: float | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        given = [name for name, value in vars(self).items() if value is not None]
        if len(given) != 1:
            raise ValueError(
                f"a split needs one of silence, every and count, not {' and '.join(given) or 'none'}"
            )
        for name, seconds in (("silence", self.silence), ("every", self.every)):
            # The comparison is written so that NaN fails it.
            if seconds is not None and not 0 < seconds < math.inf:
                raise ValueError(f"{name} must be above 0 seconds, not {seconds!r}")
        if self.count is not None and self.count < 2:
            raise ValueError(f"count must be 2 or more, not {self.count!r}")

    @property
    def is_grid(self) -> bool:
        """Whether the bounds follow from the length alone."""
        return self.silence is None

    @property
    def key(self) -> str:
        """The settings as canonical JSON: equal settings give equal text."""
        return json.dumps(
            {
                name: float(value) if name != "count" else value
                for name, value in vars(self).items()
                if value is not None
            },
            separators=(",", ":"),
        )

    @property
    def words(self) -> str:
        """The settings as a phrase, such as "at silences longer than 0.4 s"."""
        if self.silence is not None:
            return f"at silences longer than {self.silence:g} s"
        return f"every {self.every:g} s" if self.every is not None else f"into {self.count} equal parts"


def split_of_key(key: str) -> SplitSettings:
    """Return the settings with this `key`."""
    return SplitSettings(**json.loads(key))
