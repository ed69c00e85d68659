r"""The registry of file-name patterns: one entry for each way in which a generator names its files.

A pattern is a regular expression for the end of a path without its suffix. It matches from the start of a file's
or a folder's name and has `/` between names. Its named groups `run`, `epoch` and `step` are the checkpoint; every
other group becomes an attribute. An epoch or a step may end with k or M: 120k is 120000. Elsewhere, `16k` and
`128k` are rates and are not read. docs/names.md shows every pattern with its example, docs/extending.md lists the
steps for adding one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Pattern:
    """One way of naming files, called by the name of the generator that uses it, with a path that it reads.

    `text` and `needed` are regular expressions under `flags`. They are compiled when they are first used: most
    commands use none of them. Every matching path contains `needed`, so that other paths are not tried in full.
    """

    name: str
    example: str
    text: str
    needed: str = ""
    flags: re.RegexFlag = re.ASCII

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.text, self.flags)

    def may_match(self, path: str) -> bool:
        """Return whether a path contains what every matching path contains."""
        return self._needed.search(path) is not None

    @cached_property
    def _needed(self) -> re.Pattern[str]:
        return re.compile(self.needed, self.flags)


_LOSS = r"[\d.]+|nan|inf"

# The parts of patterns that find words such as "step" anywhere in the name of a file or folder.
_COUNT = r"\d+(?:(?:\.\d+)?[kKM])?"
_STARTS = r"(?<![^\W_])"
_ENDS = r"(?![^\W_]|\.\d)"
_EPOCH = rf"(?=[^/]*?{_STARTS}(?i:epochs?)[ =_.-]?(?P<epoch>{_COUNT}){_ENDS})"
_STEP = rf"(?=[^/]*?{_STARTS}(?i:(?:global[_-]?)?step)[ =_.-]?(?P<step>{_COUNT}){_ENDS})"

PLAIN_WORDS = (
    "audio|best|checkpoint|ckpt|clip|d|demo|epoch|eval|fake|final|g|gen|generated|generation|global|iter|last|latest|model"
    "|out|output|pred|render|result|sample|song|step|test|track|train|val|version|wav|weights"
)
"""Words in front of an epoch or a step that name no run."""

_NO_RUN = rf"(?!(?i:(?:{PLAIN_WORDS})s?)(?![^\W_]))"
_WORDS = r"(?i:epochs?|(?:global[_-]?)?step|iter(?:ation)?s?|ckpt|checkpoint|model|weights)"
_RUN = (
    rf"(?:(?P<run>(?i:run|exp|experiment|trial|v|version)[_-]?\d+|{_NO_RUN}[^\W\d_][^\W_]*"
    rf"|{_NO_RUN}[^/]+?(?=[ _.-](?i:epoch|step)=))"
    rf"[ _.-](?={_WORDS}[ =_.-]?\d))?"
)
_SEED = rf"(?:(?=.*?{_STARTS}(?i:seed)[ =_.-]?(?P<seed>\d+){_ENDS}))?"
_TEMPERATURE = (
    rf"(?:(?=.*?{_STARTS}(?i:temp(?:erature)?)[ =_.-]?(?P<temperature>\d+(?:\.\d+)?)(?![^\W_]|\.\d)))?"
)
_INDEX = (
    r"(?:(?:[^/]*[\dkKM][_-](?:(?i:sample|gen|take|clip|audio|out|wav|item|demo)[_-]?)?"
    r"|[^/]*/(?:[^/]*/)*(?:[^/]*[^\d/])?)(?P<index>\d+)|[^/]*(?:/.*)?)"
)
_REST = rf"{_SEED}{_TEMPERATURE}{_RUN}{_INDEX}"
"""Everything but the epoch and the step: of the file, or of a folder and the files below it."""


def _step_after(words: str, separators: str = "[ =_.-]?", count: str = _COUNT) -> str:
    """Return a pattern for names in which one of these words is followed by the step."""
    return rf"(?=[^/]*?{_STARTS}(?:{words}){separators}(?P<step>{count}){_ENDS}){_REST}"


# RAVE ends the name of a run with ten digits of a hash.
_HASH = r"(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{10}"

# Sample rates in kHz and bit rates in kbit/s, which may follow the word "model".
_NO_RATE = r"(?!(?:8|11|12|16|22|24|32|44|48|64|88|96|112|128|160|176|192|224|256|320|384)k)"

PATTERNS: tuple[Pattern, ...] = (
    # The first pattern that matches is used, so the most specific patterns come first.
    Pattern(
        "dadabots SampleRNN",
        "sample_e10_i220001_20_17:19:52_0.wav",
        r"sample_e(?P<epoch>\d+)_i(?P<step>\d+)_(?P<seconds>\d+)"
        r"_(?P<clock>\d{1,2}[:_-]\d{1,2}[:_-]\d{1,2})_(?P<index>\d+)",
    ),
    Pattern(
        "SampleRNN training",
        "sample_e29_i79751_t44.10_tr1.2345_v1.3456_best_3.wav",
        rf"sample_e(?P<epoch>\d+)_i(?P<step>\d+)_t(?P<hours>[\d.]+)"
        rf"_tr(?P<train_loss>{_LOSS})_v(?P<valid_loss>{_LOSS})(?:_best)?_(?P<index>\d+)",
    ),
    Pattern(
        "PRiSM SampleRNN",
        "night_e=25(3)_t=0.95.wav",
        r"(?P<run>[^/]+?)_e=(?P<epoch>\d+)(?:\.index)?(?:\((?P<index>\d+)\))?"
        r"_t=(?P<temperature>\d+(?:\.\d+)?)",
    ),
    Pattern(
        "samplernn-pytorch",
        "jazz/samples/ep12-s1.wav",
        r"(?P<run>[^/]+)/samples/ep(?P<epoch>\d+)-s(?P<index>\d+)",
    ),
    Pattern("samplernn-pytorch", "ep12-s1.wav", r"ep(?P<epoch>\d+)-s(?P<index>\d+)"),
    Pattern(
        "audiocraft",
        "9357d0f2/samples/40/noinput_0f8fad5b.wav",
        r"(?P<run>[0-9a-f]{8})/samples/(?P<epoch>\d+)/[^/]+",
    ),
    Pattern(
        "Dance Diffusion",
        "demo_drums_cfg_4.5_00002001.wav",
        r"demo(?:_(?!cfg_)(?P<condition>[^/]+?))?(?:_cfg_(?P<cfg>[\d.]+))?_(?P<step>\d{8,})",
    ),
    Pattern("WaveGAN", "train/preview/00012345.wav", r"(?P<run>[^/]+)/preview/(?P<step>\d{8,})"),
    Pattern(
        "Jukebox",
        "sample_5b_rank_2/level_1/item_3.wav",
        r"(?P<run>[^/]+?)(?:_rank_\d+)?/level_(?P<level>\d)/item_(?P<index>\d+)",
    ),
    Pattern(
        "DiffWave, unconditional",
        "256_200_1000k_0.wav",
        r"(?P<width>\d+)_(?P<diffusion_steps>\d+)_(?P<step>\d+k)_(?P<index>\d+)",
    ),
    # RVC writes the sample rate's 40k or 48k elsewhere.
    Pattern(
        "RVC",
        "night_e200_s14000.wav",
        r"(?P<run>[^/]+?)_e(?P<epoch>\d+)_s(?P<step>\d+)",
    ),
    Pattern(
        "Lightning",
        "night-epoch=12-step=4000_seed7_temp0.9_3.wav",
        rf"{_EPOCH}{_STEP}{_REST}",
        "(?i:epoch)",
    ),
    Pattern(
        "epoch folder",
        "night-epoch-12/step_4000_seed7_temp0.9_3.wav",
        rf"{_EPOCH}{_SEED}{_TEMPERATURE}{_RUN}[^/]*/(?:[^/]*/)*{_STEP}(?:[^/]*[\dkKM][_-](?P<index>\d+)|[^/]*)",
        "(?i:epoch)",
    ),
    Pattern(
        "PRiSM SampleRNN 2020, training",
        "periphery_epoch_83_linear_2.wav",
        rf"(?P<run>{_NO_RUN}[^/]+?)_epoch_(?P<epoch>\d+)(?:_(?P<variant>[A-Za-z][^/]*?))?(?:_(?P<index>\d+))?",
    ),
    Pattern(
        "PRiSM SampleRNN 2020",
        "periphery-epoch-83-2/gen_64.wav",
        r"(?P<run>[^/]+?)-epoch-(?P<epoch>\d+)(?:-(?P<part>\d+))?/[^/]+?_(?P<index>\d+)",
    ),
    # Not one generator's: a common name for files in a folder that is named after the run.
    Pattern(
        "epoch",
        "epoch_400_demo_07.mp3",
        r"epoch_(?P<epoch>\d+)(?:_(?P<variant>[A-Za-z][^/]*?))?(?:_(?P<index>\d+))?",
    ),
    # Words that many programs use, in the name of the file or of a folder above it.
    Pattern("step", "night_step_0002000_seed7_temp0.9_3.wav", rf"{_STEP}{_REST}", "(?i:step)"),
    Pattern("iter", "night_iter100k_seed7_temp0.9_3.wav", _step_after("(?i:iter(?:ation)?s?)"), "(?i:iter)"),
    Pattern(
        "ParallelWaveGAN",
        "night-checkpoint-400000steps/seed7_temp0.9_3.wav",
        rf"(?=[^/]*?{_STARTS}checkpoint-(?P<step>\d+)steps{_ENDS}){_REST}",
        "checkpoint",
    ),
    Pattern(
        "Hugging Face",
        "night-checkpoint-5000/seed7_temp0.9_3.wav",
        _step_after("(?i:checkpoint)"),
        "(?i:checkpoint)",
    ),
    Pattern("ckpt", "night_ckpt120k_seed7_temp0.9_3.wav", _step_after("(?i:ckpt)"), "(?i:ckpt)"),
    Pattern(
        "model",
        "night_model_120k_seed7_temp0.9_3.wav",
        _step_after("(?i:model)", "[ =_.-]?", rf"{_NO_RATE}\d+(?:\.\d+)?[kM]|\d{{5,}}"),
        "(?i:model)",
    ),
    Pattern(
        "DiffWave",
        "night-weights-523456/seed7_temp0.9_3.wav",
        _step_after("weights", "-", r"\d+"),
        "weights-",
    ),
    Pattern(
        "HiFi-GAN, VITS, so-vits-svc",
        "G_4000/night_seed7_temp0.9_3.wav",
        rf"(?=[^/]*?{_STARTS}(?:[GD]_(?=\d{{3}})|g_(?=\d{{8}}))(?P<step>\d+){_ENDS}){_SEED}{_TEMPERATURE}{_INDEX}",
        r"[GDg]_\d",
    ),
    Pattern(
        "RAVE",
        "night_9f86d081ab/version_0/epoch-epoch=0199_seed7_temp0.9_3.wav",
        rf"(?:(?P<run>[^/]+_{_HASH})/(?:[^/]*/)*)?(?=[^/]*?epoch-epoch=(?P<epoch>{_COUNT}){_ENDS})"
        rf"{_SEED}{_TEMPERATURE}{_INDEX}",
        "epoch-epoch=",
    ),
    Pattern(
        "epoch word", "night-epoch=12-val_loss=0.23_seed7_temp0.9_3.wav", rf"{_EPOCH}{_REST}", "(?i:epoch)"
    ),
)
"""The patterns of known generators, in the order in which they are tried."""

RUN_FOLDERS: tuple[Pattern, ...] = (
    Pattern(
        "SampleRNN training",
        "models-three_tier-expnight-n_frames64-frame_size16/samples/clip.wav",
        r"-exp(?P<run>.+?)-(?:n_frames|seq_len)\d+-",
        flags=re.NOFLAG,
    ),
    Pattern(
        "samplernn-pytorch",
        "exp:night-frame_size:16/kept/clip.wav",
        r"^(?P<run>exp:.+)$",
        flags=re.NOFLAG,
    ),
    Pattern(
        "RAVE",
        "night_9f86d081ab/version_0/clip.wav",
        rf"^(?P<run>.+_{_HASH})$",
        flags=re.NOFLAG,
    ),
)
"""Folder names, anywhere above a file, that name the run if the file's name does not."""
