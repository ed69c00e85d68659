"""The orderings of songs as values: what each one is, and the text that people write for it.

The algorithms are in `chain`, `pairs` and `shuffle`; the database sorts by a field. All orderings are deterministic
and keep every clip exactly once. This module imports no numerical library, so that listings can use it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from thresher.errors import UsageError

FIELD_PATTERN = re.compile(r"[^\W\d]\w*(?:@\w+)?")
SEED_PATTERN = re.compile(r"-?[0-9]{1,18}")
CHAIN_PATTERN = re.compile(r"chain(?::([0-9]{1,18})?\.\.([0-9]{1,18})?)?")
FORMS = ("pairs", "chain", "shuffle:SEED", "FIELD+", "FIELD-", "manual")


@dataclass(frozen=True)
class Ordering:
    """How the clips of a song are put in sequence. `str()` gives the text that `parse_ordering` reads.

    `name` is "pairs", "chain" (with `start` and `end`, the ids of its first and last clip, or None), "field" (with
    `field` and `descending`), "shuffle" (with `seed`) or "manual" (the song's settings hold the sequence).
    """

    name: str
    field: str | None = None
    descending: bool = False
    seed: int | None = None
    start: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        if self.start is not None or self.end is not None:
            return f"chain:{'' if self.start is None else self.start}..{'' if self.end is None else self.end}"
        if self.name == "field":
            return f"{self.field}{'-' if self.descending else '+'}"
        return f"shuffle:{self.seed}" if self.name == "shuffle" else self.name


def parse_ordering(text: str) -> Ordering:
    """Read "pairs", "chain", "chain:12..40", "epoch+", "score-", "score@prefix-", "shuffle:7" or "manual".

    Raises UsageError for any other text. The catalog checks later whether a field exists.
    """
    if text in ("pairs", "manual"):
        return Ordering(text)
    chained = CHAIN_PATTERN.fullmatch(text)
    if chained is not None:
        start, end = (None if clip is None else int(clip) for clip in chained.groups())
        return Ordering("chain", start=start, end=end)
    name, _, seed = text.partition(":")
    if name == "shuffle" and SEED_PATTERN.fullmatch(seed):
        return Ordering("shuffle", seed=int(seed))
    if text.endswith(("+", "-")) and FIELD_PATTERN.fullmatch(text[:-1]):
        return Ordering("field", field=text[:-1], descending=text.endswith("-"))
    raise UsageError(f'"{text}" is not an ordering (expected {", ".join(FORMS)}){_hint(text)}')


def _hint(text: str) -> str:
    """A suggestion of what the user meant; empty if nothing is close."""
    word = text.partition(":")[0].rstrip("+-").strip()
    examples = {"pairs": "pairs", "manual": "manual", "chain": "chain", "shuffle": "shuffle:7"}
    if ":" in text:
        examples["chain"] = "chain:12..40"
    nearest = difflib.get_close_matches(word.lower(), examples, n=1)
    if nearest:
        return f'; did you mean "{examples[nearest[0]]}"?'
    if FIELD_PATTERN.fullmatch(word) and ":" not in text:
        return f'; did you mean "{word}+" or "{word}-"?'
    return ""
