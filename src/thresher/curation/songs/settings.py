"""The settings of a song: its query, its ordering, its limits, its edits by hand, and its sound."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from thresher.catalog.edits import Edits
from thresher.catalog.queries.selection_rules import SELECTION_RULE
from thresher.catalog.settings.sections import Settings
from thresher.catalog.text.values import LARGEST_INTEGER
from thresher.errors import UsageError
from thresher.signal.metrics.registry import metric_entry
from thresher.signal.ordering.orderings import Ordering, parse_ordering

SAMPLE_RATES = (1_000, 384_000)
SUBTYPES = ("PCM_16", "PCM_24", "FLOAT")
LOUDNESSES = (-70.0, 0.0)
LONGEST_JOIN = 60.0
"""The longest fade, crossfade or gap, in seconds."""

QUALITIES = (0.0, 10.0)
LONGEST_TAG = 1_000
"""The most characters of an artist or album."""

FILE_RULE = 2
"""How today's songs are written. Rule 1 wrote the query into the tags and used the encoders' own default quality. A
song keeps its rule until the next `song save`; a rendering keeps it for ever."""


@dataclass(frozen=True)
class SongSettings:
    """Everything that defines a song except its name. The fields are named like the columns of the table `song`.

    `length` is in seconds and `clips` a number of clips; None sets no limit. `sample_rate` is in Hz, `channels` is
    1 or 2; None derives rate, channels and subtype from the clips. `fade` is the length of each clip's fades,
    `crossfade` that of its overlap with the next clip, and `gap` that of the silence between clips, in seconds.
    `lufs` is the loudness to which every clip is brought; None keeps the clips' own loudness. `manual` is the
    sequence of clips for the ordering "manual". `quality` of lossy formats is 0 to 10; None is the default.
    `artist` and `album` are tags. `cover` is the SHA-256 of an image in the catalog.
    `file_rule` is how the file is tagged and encoded, see FILE_RULE.
    `selection_rule` is the rule by which clips are left out, see `catalog.queries.selection_rules`. `no_copies`
    leaves out copies of other clips in the song, and `per_checkpoint` limits the clips of each checkpoint; None
    sets no limit.
    """

    query: str
    ordering: Ordering
    metric: str
    length: float | None = None
    clips: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    fade: float = 0.005
    crossfade: float = 0.0
    gap: float = 0.0
    lufs: float | None = None
    subtype: str | None = None
    dither: bool = False
    edits: Edits = Edits()  # noqa: RUF009  frozen
    manual: tuple[int, ...] | None = None
    quality: float | None = None
    artist: str | None = None
    album: str | None = None
    file_rule: int = 1
    cover: str | None = None
    selection_rule: int = 1
    no_copies: bool = False
    per_checkpoint: int | None = None

    def plain(self) -> dict[str, Any]:
        """These settings as values that JSON can hold."""
        return {
            **vars(self),
            "ordering": str(self.ordering),
            "edits": self.edits.plain(),
            "manual": self.manual and list(self.manual),
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> SongSettings:
        """The settings that `plain` returned. Missing values, as in those of older programs, get their defaults."""
        known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        known["ordering"] = parse_ordering(known["ordering"])
        known["edits"] = Edits.from_plain(known.get("edits", {}))
        known["manual"] = None if known.get("manual") is None else tuple(known["manual"])
        return cls(**known)

    def columns(self) -> dict[str, Any]:
        """These settings as values for the columns of the table."""
        plain = self.plain()
        for name in ("edits", "manual"):
            plain[name] = None if plain[name] is None else json.dumps(plain[name], separators=(",", ":"))
        return plain

    @classmethod
    def from_columns(cls, row: Mapping[str, Any]) -> SongSettings:
        """The settings in a row of the table."""
        texts = {name: None if row[name] is None else json.loads(row[name]) for name in ("edits", "manual")}
        return cls.from_plain({**row, **texts})


def new_song_settings(settings: Settings, wanted: Mapping[str, Any]) -> SongSettings:
    """The settings of a new song: `wanted`, and for the rest what catalog.toml says."""
    return SongSettings(
        **{
            "ordering": parse_ordering(settings.song.order),
            "metric": song_metric(settings),
            "fade": settings.song.fade,
            "file_rule": FILE_RULE,
            "selection_rule": SELECTION_RULE,
            **wanted,
        }
    )


def song_metric(settings: Settings) -> str:
    """The metric that orders a new song: the configured one, or the default metric if its scores are not kept."""
    wanted = settings.song.metric
    return wanted if wanted in settings.metrics.use else settings.metrics.default_metric


def check_settings(settings: SongSettings) -> None:
    """Raise UsageError for a setting that is out of range or contradicts another one."""
    lowest, highest = SAMPLE_RATES
    metric_entry(settings.metric)
    if settings.length is not None and settings.length <= 0:
        raise UsageError(f"--length {settings.length:g} s is not above 0; give a longer one, or none")
    if settings.clips is not None and not 1 <= settings.clips <= LARGEST_INTEGER:
        raise UsageError(f"--clips {settings.clips} is out of range (expected 1 to {LARGEST_INTEGER})")
    if settings.per_checkpoint is not None and not 1 <= settings.per_checkpoint <= LARGEST_INTEGER:
        raise UsageError(
            f"--per-checkpoint {settings.per_checkpoint} is out of range (expected 1 to {LARGEST_INTEGER}, or none)"
        )
    if not 1 <= settings.selection_rule <= SELECTION_RULE:
        raise UsageError(
            f"unknown selection rule {settings.selection_rule}; this program knows rules 1 to {SELECTION_RULE}"
        )
    if settings.sample_rate is not None and not lowest <= settings.sample_rate <= highest:
        raise UsageError(f"--rate {settings.sample_rate} Hz is out of range (expected {lowest} to {highest})")
    if settings.channels not in (None, 1, 2):
        raise UsageError(f"a song can't have {settings.channels} channels (expected 1 or 2)")
    for what, seconds in (("fade", settings.fade), ("crossfade", settings.crossfade), ("gap", settings.gap)):
        if not 0 <= seconds <= LONGEST_JOIN:
            raise UsageError(f"--{what} {seconds:g} s is out of range (expected 0 to {LONGEST_JOIN:g})")
    if settings.crossfade and settings.gap:
        raise UsageError(
            f"clips can't both overlap by {settings.crossfade:g} s and have {settings.gap:g} s of silence between "
            "them; set --crossfade 0 or --gap 0"
        )
    if settings.lufs is not None and not LOUDNESSES[0] <= settings.lufs <= LOUDNESSES[1]:
        raise UsageError(
            f"--lufs {settings.lufs:g} is out of range (expected {LOUDNESSES[0]:g} to {LOUDNESSES[1]:g})"
        )
    if settings.subtype not in (None, *SUBTYPES):
        raise UsageError(f'unknown subtype "{settings.subtype}" (expected {", ".join(SUBTYPES)})')
    if settings.quality is not None and not QUALITIES[0] <= settings.quality <= QUALITIES[1]:
        raise UsageError(f"--quality {settings.quality:g} is out of range (expected 0 to 10)")
    for what, text in (("artist", settings.artist), ("album", settings.album)):
        if text is not None and not (0 < len(text) <= LONGEST_TAG and text.isprintable()):
            raise UsageError(
                f"--{what} {text!r} is not a tag (expected 1 to {LONGEST_TAG} printable characters)"
            )
    if settings.ordering.name == "manual" and settings.manual is None:
        raise UsageError("--order manual needs a list of clips; give --from FILE")
