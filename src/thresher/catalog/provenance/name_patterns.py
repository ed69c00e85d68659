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

from thresher.catalog.provenance.name_parts import (
    CFG,
    COUNT,
    ENDS,
    EPOCH,
    FEW_STEPS,
    HASH,
    INDEX,
    ITER_WORD,
    LARGE,
    LOSS,
    NO_DATE,
    NO_RATE,
    NO_RUN,
    NO_SAMPLE_RATE,
    PARAMETER,
    PARAMETERS,
    REST,
    STARTS,
    STEP,
    STEP_OR_ITER,
    STEP_WORD,
    THOUSANDS,
    VARIANT,
    WORDS,
    run_before,
    step_after,
    value_of,
)


@dataclass(frozen=True)
class Pattern:
    """One way of naming files, called by the name of the generator that uses it, with a path that it reads.

    `text` is a regular expression under `flags`. It is compiled when it is first used: most commands use none. In
    lower case, every matching path contains one of the texts `needed`. Other paths are not tried in full.
    """

    name: str
    example: str
    text: str
    needed: tuple[str, ...] = ("",)
    flags: re.RegexFlag = re.ASCII

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.text, self.flags)

    @property
    def is_of_user(self) -> bool:
        """Whether the pattern is from catalog.toml, so that it may take long."""
        return self.flags == re.NOFLAG

    def may_match(self, lower_path: str) -> bool:
        """Return whether a path in lower case contains one of the texts that every matching path contains."""
        return any(text in lower_path for text in self.needed)


PATTERNS: tuple[Pattern, ...] = (
    # The first pattern that matches is used, so the most specific patterns come first.
    Pattern(
        "dadabots SampleRNN",
        "sample_e10_i220001_20_17:19:52_0.wav",
        r"sample_e(?P<epoch>\d+)_i(?P<step>\d+)_(?P<seconds>\d+)"
        r"_(?P<clock>\d{1,2}[:_-]\d{1,2}[:_-]\d{1,2})_(?P<index>\d+)",
        needed=("sample_e",),
    ),
    Pattern(
        "SampleRNN training",
        "sample_e29_i79751_t44.10_tr1.2345_v1.3456_best_3.wav",
        rf"sample_e(?P<epoch>\d+)_i(?P<step>\d+)_t(?P<hours>[\d.]+)"
        rf"_tr(?P<train_loss>{LOSS})_v(?P<valid_loss>{LOSS})(?:_best)?_(?P<index>\d+)",
        needed=("sample_e",),
    ),
    Pattern(
        "PRiSM SampleRNN",
        "night_e=25(3)_t=0.95.wav",
        r"(?P<run>[^/]+?)_e=(?P<epoch>\d+)(?:\.index)?(?:\((?P<index>\d+)\))?"
        r"_t=(?P<temperature>\d+(?:\.\d+)?)",
        needed=("_e=",),
    ),
    Pattern(
        "samplernn-pytorch",
        "jazz/samples/ep12-s1.wav",
        r"(?P<run>[^/]+)/samples/ep(?P<epoch>\d+)-s(?P<index>\d+)",
        needed=("-s",),
    ),
    Pattern("samplernn-pytorch", "ep12-s1.wav", r"ep(?P<epoch>\d+)-s(?P<index>\d+)", needed=("-s",)),
    Pattern(
        "audiocraft",
        "9357d0f2/samples/40/noinput_0f8fad5b.wav",
        r"(?P<run>[0-9a-f]{8})/samples/(?P<epoch>\d+)/[^/]+",
        needed=("/samples/",),
    ),
    Pattern(
        "Dance Diffusion",
        "demo_drums_cfg_4.5_00002001.wav",
        rf"(?:demo|recon|decoded|first_stage)(?:_(?!cfg_)(?P<condition>[^/]+?))?(?:_cfg_(?P<cfg>[\d.]+))?"
        rf"_{NO_DATE}(?P<step>\d{{8,}})",
        needed=("demo_", "recon_", "decoded_", "first_stage_"),
    ),
    Pattern(
        "WaveGAN",
        "train/preview/00012345.wav",
        rf"(?P<run>[^/]+)/preview/{NO_DATE}(?P<step>\d{{8,}})",
        needed=("/preview/",),
    ),
    Pattern(
        "Jukebox",
        "sample_5b_rank_2/level_1/item_3.wav",
        r"(?P<run>[^/]+?)(?:_rank_\d+)?/level_(?P<level>\d)/item_(?P<index>\d+)",
        needed=("/item_",),
    ),
    Pattern(
        "DiffWave, unconditional",
        "256_200_1000k_0.wav",
        r"(?P<width>\d+)_(?P<diffusion_steps>\d+)_(?P<step>\d+k)_(?P<index>\d+)",
        needed=("k_",),
    ),
    Pattern(
        "DiffWave, conditional",
        "128_200_1000k_LJ001-0001.wav",
        r"(?P<width>\d+)_(?P<diffusion_steps>\d+)_(?P<step>\d+k)_[A-Za-z][^/]*",
        needed=("k_",),
    ),
    Pattern(
        "DiffWave, SaShiMi",
        "waveforms/500k_3.wav",
        rf"waveforms/(?P<step>{NO_RATE}\d+k)_(?P<index>\d+)",
        needed=("waveforms/",),
    ),
    Pattern(
        "BigVGAN",
        "unseen_00050000/0003.wav",
        r"[^/]*[^\W\d_]_(?!\d{4}(?:19|20)\d\d/)(?P<step>0\d{7})/(?P<index>\d{4})",
        needed=("_0",),
    ),
    Pattern("F5-TTS", "update_50000_gen.wav", r"update_(?P<step>\d+)_gen", needed=("update_",)),
    Pattern(
        "MMAudio", "000010000_audio-r0.flac", r"(?P<step>\d{9})_audio-r(?P<rank>\d+)", needed=("_audio-r",)
    ),
    Pattern("audiolm-pytorch", "sample_1000.ema.flac", r"sample_(?P<step>\d+)\.ema", needed=(".ema",)),
    Pattern(
        "open-musiclm",
        "coarse.reconstructed_wave_0.1000.wav",
        r"(?:semantic|coarse|fine)\.reconstructed_wave_(?P<index>\d+)\.(?P<step>\d+)",
        needed=(".reconstructed_wave_",),
    ),
    Pattern(
        "improved-diffusion",
        "ema_0.9999_100000.wav",
        rf"ema_0\.\d+_{NO_DATE}(?P<step>\d{{5,}})",
        needed=("ema_0",),
    ),
    Pattern(
        "AudioLDM",
        "val_100000_07-12-13:45_cfg_scale_3.5_ddim_200_n_cand_3/rain.wav",
        r"(?:val_(?P<step>\d+)|infer)_\d\d-\d\d-\d\d[:_.-]?\d\d_cfg_scale_(?P<cfg>\d+(?:\.\d+)?)"
        r"_ddim_(?P<steps>\d+)_n_cand_(?P<candidates>\d+)/[^/]+",
        needed=("_ddim_",),
    ),
    Pattern(
        "Weights & Biases",
        "media/audio/samples_2000_0a1b2c3d4e5f60718293.wav",
        r"media/audio/(?:[^/]+/)*[^/]+_(?P<step>\d+)_(?=\d*[a-f])(?:[0-9a-f]{8}|[0-9a-f]{20})",
        needed=("media/audio/",),
    ),
    Pattern(
        "audio-diffusion",
        "3141592653_cfg_4.0_2.wav",
        r"(?P<seed>\d{5,})_cfg_(?P<cfg>\d+(?:\.\d+)?)(?:_(?P<index>\d+))?",
        needed=("_cfg_",),
    ),
    Pattern(
        "stable-audio-tools",
        "slow_rain.cfg7.0.123456.wav",
        r"[^/]*\.cfg(?P<cfg>\d+(?:\.\d+)?)\.(?P<seed>\d{3,})",
        needed=(".cfg",),
    ),
    # RVC writes the sample rate's 40k or 48k elsewhere.
    Pattern(
        "RVC",
        "night_e200_s14000.wav",
        r"(?P<run>[^/]+?)_e(?P<epoch>\d+)_s(?P<step>\d+)(?:_l\d+)?",
        needed=("_e",),
    ),
    Pattern(
        "Applio",
        "night_200e_14000s.wav",
        r"(?P<run>[^/]+?)_(?P<epoch>\d+)e_(?P<step>\d+)s(?:_best_epoch)?",
        needed=("e_",),
    ),
    Pattern(
        "Lightning",
        "night-epoch=12-step=4000_seed7_temp0.9_cfg3.5_3.wav",
        rf"{EPOCH}{STEP_OR_ITER}{REST}",
        needed=("epoch", "ep="),
    ),
    Pattern(
        "epoch folder",
        "night-epoch-12/step_4000_seed7_temp0.9_cfg3.5_3.wav",
        rf"{EPOCH}{PARAMETERS}{run_before(WORDS)}[^/]*/(?:[^/]*/)*{STEP_OR_ITER}{INDEX}",
        needed=("epoch", "ep="),
    ),
    # Alone, "ep" may also be a record or an episode, and "e" anything. "E2" is a note.
    Pattern(
        "ep with step",
        "night_ep12_it3000_seed7_temp0.9_cfg3.5_3.wav",
        rf"(?=[^/]*?{STARTS}(?i:ep|e(?=\d\d|=))[=_-]?(?P<epoch>\d+){ENDS})"
        rf"(?=[^/]*?{STARTS}(?:{STEP_WORD}|(?i:iter(?:ation)?|it))[=_-]?(?P<step>{COUNT}){ENDS})"
        rf"{PARAMETERS}{run_before('(?i:ep?|step|iter|it)')}{INDEX}",
        needed=("it", "step"),
    ),
    Pattern(
        "PRiSM SampleRNN 2020, training",
        "periphery_epoch_83_linear_2.wav",
        rf"(?P<run>{NO_RUN}[^/]+?)_epoch_{NO_DATE}(?P<epoch>\d+){VARIANT}",
        needed=("_epoch_",),
    ),
    Pattern(
        "PRiSM SampleRNN 2020",
        "periphery-epoch-83-2/gen_64.wav",
        r"(?P<run>[^/]+?)-epoch-(?P<epoch>\d+)(?:-(?P<part>\d+))?/[^/]+?_(?P<index>\d+)",
        needed=("-epoch-",),
    ),
    # Not one generator's: a common name for files in a folder that is named after the run.
    Pattern("epoch", "epoch_400_demo_07.mp3", rf"epoch_{NO_DATE}(?P<epoch>\d+){VARIANT}", needed=("epoch_",)),
    # Words that many programs use, in the name of the file or of a folder above it.
    Pattern(
        "ParallelWaveGAN",
        "night-checkpoint-400000steps/seed7_temp0.9_cfg3.5_3.wav",
        rf"(?=[^/]*?{STARTS}checkpoint-(?P<step>\d+)steps{ENDS}){REST}",
        needed=("checkpoint-",),
    ),
    Pattern(
        "step",
        "night_step_0002000_seed7_temp0.9_cfg3.5_3.wav",
        rf"(?!(?={FEW_STEPS}){CFG}|{THOUSANDS}){STEP}{REST}",
        needed=("step",),
    ),
    Pattern(
        "WaveRNN",
        "night_100k_steps_seed7_temp0.9_cfg3.5_3.wav",
        rf"(?=[^/]*?{STARTS}(?P<step>{LARGE}|\d{{4}}(?=[ _-]?(?i:iter)))[ _-]?"
        rf"(?i:(?:step|iter(?:ation)?)(?:s|(?![ =_.-]?\d)))(?![^\W_])){PARAMETERS}{INDEX}",
        needed=("step", "iter"),
    ),
    Pattern(
        "steps",
        "night_steps_250000_seed7_temp0.9_cfg3.5_3.wav",
        step_after("(?i:steps)", count=LARGE),
        needed=("steps",),
    ),
    Pattern(
        "iter",
        "night_iter100k_seed7_temp0.9_cfg3.5_3.wav",
        step_after(ITER_WORD),
        needed=("it",),
    ),
    Pattern(
        "Hugging Face",
        "night-checkpoint-5000/seed7_temp0.9_cfg3.5_3.wav",
        step_after("(?i:checkpoint)"),
        needed=("checkpoint",),
    ),
    Pattern("ckpt", "night_ckpt120k_seed7_temp0.9_cfg3.5_3.wav", step_after("(?i:ckpt)"), needed=("ckpt",)),
    Pattern(
        "model",
        "night_model_120k_seed7_temp0.9_cfg3.5_3.wav",
        step_after(
            "(?i:model)",
            "[ =_.-]?",
            rf"{NO_RATE}\d+(?:\.\d+)?k|\d(?:\.\d+)?M|{NO_SAMPLE_RATE}{NO_DATE}\d{{5,}}",
        ),
        needed=("model",),
    ),
    Pattern(
        "DiffWave",
        "night-weights-523456/seed7_temp0.9_cfg3.5_3.wav",
        step_after("weights", "-", rf"{NO_DATE}\d+"),
        needed=("weights-",),
    ),
    Pattern(
        "HiFi-GAN, VITS, so-vits-svc",
        "G_4000/night_seed7_temp0.9_cfg3.5_3.wav",
        rf"(?=[^/]*?{STARTS}(?:[GD]_(?=\d{{3}})(?!(?:[0-2]\d\d|(?:19|20)(?!00)\d\d)(?!\d))|g_(?=\d{{8}}))"
        rf"{NO_DATE}(?P<step>\d+){ENDS}){PARAMETERS}{INDEX}",
        needed=("g_", "d_"),
    ),
    Pattern(
        "RAVE",
        "night_9f86d081ab/version_0/epoch-epoch=0199_seed7_temp0.9_cfg3.5_3.wav",
        rf"(?:(?P<run>[^/]+_{HASH})/(?:[^/]*/)*)?(?=[^/]*?epoch-epoch=(?P<epoch>{COUNT}){ENDS})"
        rf"{PARAMETERS}{INDEX}",
        needed=("epoch-epoch=",),
    ),
    Pattern(
        "epoch word",
        "night-epoch=12-val_loss=0.23_seed7_temp0.9_cfg3.5_3.wav",
        rf"{EPOCH}{REST}",
        needed=("epoch", "ep="),
    ),
    Pattern(
        "epochs",
        "drums_100_epochs_seed7_temp0.9_cfg3.5_3.wav",
        rf"(?=[^/]*?{STARTS}{NO_DATE}(?P<epoch>\d+)(?:th)?[ _-]?(?i:epochs?)(?![^\W_]))"
        rf"{PARAMETERS}{INDEX}",
        needed=("epoch",),
    ),
    # Not one generator's: parameters, in names without an epoch or a step.
    Pattern(
        "parameters",
        "rain_seed7_temp0.9_cfg3.5_steps50_topk250_topp0.95_3.wav",
        rf"(?=[^/]*?{STARTS}{PARAMETER}){PARAMETERS}"
        + value_of("steps", "steps", r"\d{1,4}")
        + value_of("top_k", "top[_-]?k", r"\d+")
        + value_of("top_p", "top[_-]?p")
        + INDEX,
        needed=("seed", "temp", "cfg", "guidance", "top"),
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
        "Weights & Biases",
        "run-20240115_120000-night123/files/clip.wav",
        r"^(?:offline-)?run-\d{8}_\d{6}-(?P<run>.+)$",
        flags=re.NOFLAG,
    ),
    Pattern(
        "RAVE",
        "night_9f86d081ab/version_0/clip.wav",
        rf"^(?P<run>.+_{HASH})$",
        flags=re.NOFLAG,
    ),
)
"""Folder names, anywhere above a file, that name the run if the file's name does not."""
