r"""The registry of file-name patterns: one entry for each way in which a generator names its files.

A pattern is a regular expression for the end of a path without its suffix. It matches from the start of a file's
or a folder's name and has `/` between names. Its named groups `run`, `epoch` and `step` are the checkpoint; every
other group becomes an attribute. docs/names.md shows every pattern with its example, docs/extending.md lists the
steps for adding one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """One way of naming files, called by the name of the generator that uses it, with a path that it reads."""

    name: str
    regex: re.Pattern[str]
    example: str = ""


def _pattern(name: str, example: str, regex: str) -> Pattern:
    return Pattern(name, re.compile(regex, re.ASCII), example)


_LOSS = r"[\d.]+|nan|inf"

PATTERNS: tuple[Pattern, ...] = (
    # The first pattern that matches is used, so the most specific patterns come first.
    _pattern(
        "dadabots SampleRNN",
        "sample_e10_i220001_20_17:19:52_0.wav",
        r"sample_e(?P<epoch>\d+)_i(?P<step>\d+)_(?P<seconds>\d+)"
        r"_(?P<clock>\d{1,2}[:_-]\d{1,2}[:_-]\d{1,2})_(?P<index>\d+)",
    ),
    _pattern(
        "SampleRNN training",
        "sample_e29_i79751_t44.10_tr1.2345_v1.3456_best_3.wav",
        rf"sample_e(?P<epoch>\d+)_i(?P<step>\d+)_t(?P<hours>[\d.]+)"
        rf"_tr(?P<train_loss>{_LOSS})_v(?P<valid_loss>{_LOSS})(?:_best)?_(?P<index>\d+)",
    ),
    _pattern(
        "PRiSM SampleRNN",
        "night_e=25(3)_t=0.95.wav",
        r"(?P<run>[^/]+?)_e=(?P<epoch>\d+)(?:\.index)?(?:\((?P<index>\d+)\))?"
        r"_t=(?P<temperature>\d+(?:\.\d+)?)",
    ),
    _pattern(
        "samplernn-pytorch",
        "jazz/samples/ep12-s1.wav",
        r"(?P<run>[^/]+)/samples/ep(?P<epoch>\d+)-s(?P<index>\d+)",
    ),
    _pattern("samplernn-pytorch", "ep12-s1.wav", r"ep(?P<epoch>\d+)-s(?P<index>\d+)"),
    _pattern(
        "audiocraft",
        "9357d0f2/samples/40/noinput_0f8fad5b.wav",
        r"(?P<run>[0-9a-f]{8})/samples/(?P<epoch>\d+)/[^/]+",
    ),
    _pattern(
        "Dance Diffusion",
        "demo_drums_cfg_4.5_00002001.wav",
        r"demo(?:_(?!cfg_)(?P<condition>[^/]+?))?(?:_cfg_(?P<cfg>[\d.]+))?_(?P<step>\d{8,})",
    ),
    _pattern("WaveGAN", "train/preview/00012345.wav", r"(?P<run>[^/]+)/preview/(?P<step>\d{8,})"),
    _pattern(
        "Jukebox",
        "sample_5b_rank_2/level_1/item_3.wav",
        r"(?P<run>[^/]+?)(?:_rank_\d+)?/level_(?P<level>\d)/item_(?P<index>\d+)",
    ),
    _pattern(
        "PRiSM SampleRNN 2020, training",
        "periphery_epoch_83_linear_2.wav",
        r"(?P<run>[^/]+?)_epoch_(?P<epoch>\d+)(?:_(?P<variant>[A-Za-z][^/]*?))?(?:_(?P<index>\d+))?",
    ),
    _pattern(
        "PRiSM SampleRNN 2020",
        "periphery-epoch-83-2/gen_64.wav",
        r"(?P<run>[^/]+?)-epoch-(?P<epoch>\d+)(?:-(?P<part>\d+))?/[^/]+?_(?P<index>\d+)",
    ),
    # Not one generator's: a common name for files in a folder that is named after the run.
    _pattern(
        "epoch",
        "epoch_400_demo_07.mp3",
        r"epoch_(?P<epoch>\d+)(?:_(?P<variant>[A-Za-z][^/]*?))?(?:_(?P<index>\d+))?",
    ),
)
"""The patterns of known generators, in the order in which they are tried."""

RUN_FOLDERS: tuple[Pattern, ...] = (
    Pattern(
        "SampleRNN training",
        re.compile(r"-exp(?P<run>.+?)-(?:n_frames|seq_len)\d+-"),
        "models-three_tier-expnight-n_frames64-frame_size16/samples/clip.wav",
    ),
    Pattern(
        "samplernn-pytorch",
        re.compile(r"^(?P<run>exp:.+)$"),
        "exp:night-frame_size:16/kept/clip.wav",
    ),
)
"""Folder names, anywhere above a file, that name the run if the file's name does not."""
