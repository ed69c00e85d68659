r"""The parts of the expressions in `name_patterns.py`: numbers, words, parameters, the run, the index.

They say what a number is, and what it is not: a date, a sample rate, a step of a sampler. A part that begins with
`(?=` looks for its words anywhere in the name of a file or folder, and the next part begins at the same place.
"""

from __future__ import annotations

LOSS = r"[\d.]+|nan|inf"

# The parts of patterns that find words such as "step" anywhere in the name of a file or folder.
STARTS = r"(?<![^\W_])"
ENDS = r"(?![^\W_]|[.,]\d)"

# A date with or without a time, a Unix time in seconds or milliseconds, and the beginning of a UUID.
NO_DATE = (
    r"(?!(?:(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?|1[4-9]\d{8}(?:\d{3})?)(?!\d)"
    r"|\d{8}(?:-[\da-f]{4}){3}-)"
)
COUNT = rf"{NO_DATE}\d+(?:(?:\.\d+)?[kKM])?"
LARGE = rf"(?:\d+(?:\.\d+)?[kKM]|{NO_DATE}\d{{5,}})"
"""An epoch or a step after a word that says so, and a step where smaller numbers are something else."""

EPOCH = (
    rf"(?=[^/]*?(?:(?<![^\W\d_])|(?<=[a-z])(?=E))(?:(?i:epoch(?:(?<!\d[ _-]epoch)s)?)[ =_.-]?|(?i:ep)=)"
    rf"(?P<epoch>{COUNT}){ENDS})"
)

# Words before "step": of samplers, whose steps are not those of the training, and of sounds and dances. The words
# of a line have one length, as a look-behind demands.
_OTHER_STEPS = (
    "ode|num|nfe|one|two|dub",
    "ddim|next|half|foot|side",
    "infer|first|whole|quick",
    "sampler|denoise",
    "sampling",
    "inference|denoising|diffusion",
    "^n|^2|^4|^8",
    "^16|^32",
)
_NO_OTHER_STEP = "".join(rf"(?<!(?:{words})[ _-]step)" for words in _OTHER_STEPS)
STEP_WORD = rf"(?i:(?:global[_-]?)?step{_NO_OTHER_STEP})"
ITER_WORD = rf"(?i:iter(?:ation)?s?|it(?==\d|[_-]?{LARGE}))"
STEP = rf"(?=[^/]*?{STARTS}{STEP_WORD}[ =_.-]?(?P<step>{COUNT}){ENDS})"
STEP_OR_ITER = rf"(?=[^/]*?{STARTS}(?:{STEP_WORD}|{ITER_WORD})[ =_.-]?(?P<step>{COUNT}){ENDS})"

PLAIN_WORDS = (
    "audio|best|checkpoint|ckpt|clip|d|decoded|demo|ema|epoch|eval|fake|file|final|g|gen|generated|generation|global"
    "|infer|inference|input|iter|last|latest|mel|model|music|noise|original|out|output|pred|predicted|prediction|real"
    "|recon|reconstructed|reconstruction|ref|reference|render|result|sample|song|sound|step|synth|synthesized|target"
    "|test|total|track|train|val|valid|validation|version|wav|waveform|weights"
)
"""Words in front of an epoch or a step that name no run."""

NO_INDEX = (
    rf"(?!{NO_DATE})\d+|\d{{10,}}|8000|16000|22050|24000|32000|44100|48000|96000",
    r"(?:(?i:seed|temp|temperature|cfg|scale|coef|guidance|top[_-]?[kp]|steps)[ =_.-]?|[ _.-]v|\d\."
    r"|\d\d-\d\d-|\d{4}_\d\d_|(?:19|20)\d{6}[_-]|[0-9a-f]{7})\Z",
)
"""What is not an index: dates, long numbers and sample rates, and numbers after the name of a parameter, a "v", a
decimal point, a part of a date or a time, and a part of a hash."""

NO_RUN = rf"(?!(?i:(?:{PLAIN_WORDS})s?\d*|ep?\d+)(?![^\W_]))"
WORDS = r"(?i:epochs?|ep(?==)|(?:global[_-]?)?steps?|iter(?:ation)?s?|it|ckpt|checkpoint|model|weights)"


def run_before(words: str) -> str:
    """Return a pattern for the run in front of one of these words and a number, if it is there."""
    return (
        rf"(?:(?P<run>(?i:run|exp|experiment|trial|v|version)[_-]?\d+|{NO_RUN}[^\W\d_][^\W_]*"
        rf"|{NO_RUN}[^/]+?(?=[ _.-](?i:epoch|step)=))"
        rf"[ _.-](?={words}[ =_.-]?\d))?"
    )


_DECIMAL = r"\d+(?:\.\d+)?"


def value_of(name: str, words: str, number: str = _DECIMAL) -> str:
    """Return a pattern for the value of a parameter, anywhere in the path, if it is there."""
    return rf"(?:(?=.*?{STARTS}(?i:{words})[ =_.-]?(?P<{name}>{number})(?![^\W_]|\.\d)))?"


CFG_WORDS = r"cfg(?:[_-]?(?:scale|coef))?|guidance(?:[_-]?scale)?"
PARAMETERS = (
    value_of("seed", r"seed(?!-1(?!\d))", r"\d+")
    + value_of("temperature", "temp(?:erature)?")
    + value_of("cfg", CFG_WORDS)
)

# A parameter with its value. "temp 3" may be a temporary file, and "seed 3" may be a sound.
PARAMETER = (
    rf"(?i:seed[=_.-]?(?!-1(?!\d))\d|temp(?:[=_.-]?\d+\.|=)\d|temperature[ =_.-]?\d"
    rf"|(?:{CFG_WORDS})[=_.-]?\d|top[_-]?[kp][=_.-]?\d)"
)

INDEX = (
    r"(?:(?:[^/]*[\dkKM][_-](?:(?i:sample|gen|take|clip|audio|out|wav|item|demo)[_-]?)?"
    r"|[^/]*/(?:[^/]*/)*(?:[^/]*[^\d/])?)(?P<index>\d+)|[^/]*(?:/.*)?)"
)
REST = rf"{PARAMETERS}{run_before(WORDS)}{INDEX}"
"""Everything but the epoch and the step: of the file, or of a folder and the files below it."""


def step_after(words: str, separators: str = "[ =_.-]?", count: str = COUNT) -> str:
    """Return a pattern for names in which one of these words is followed by the step."""
    return rf"(?=[^/]*?{STARTS}(?:{words}){separators}(?P<step>{count}){ENDS}){REST}"


# RAVE ends the name of a run with ten digits of a hash.
HASH = r"(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{10}"

# Sample rates in kHz and bit rates in kbit/s, which may follow the word "model", and sample rates in Hz.
NO_RATE = r"(?!(?:8|11|12|16|22|24|32|44|48|64|88|96|112|128|160|176|192|224|256|320|384)k)"
NO_SAMPLE_RATE = r"(?!(?:11025|16000|22050|24000|32000|44100|48000|88200|96000|176400|192000)(?!\d))"

# With a guidance scale in the same name, a small number of steps may be the sampler's. "50k step 3" may be
# the third clip after 50,000 steps.
CFG = rf"[^/]*?{STARTS}(?i:{CFG_WORDS})[ =_.-]?\d"
FEW_STEPS = rf"[^/]*?{STARTS}(?i:step)[ =_.-]?\d{{1,3}}(?![\dkKM])"
THOUSANDS = r"[^/]*\d[kKM][ _-](?i:step)[ =_.-]?\d{1,2}(?!\d)"

# What follows the epoch in the names of PRiSM SampleRNN, but no parameter with its value.
VARIANT = (
    rf"(?:_(?![^/]*(?<![^\W_])(?i:seed|temp|temperature|iter|{CFG_WORDS})[ =_.-]?\d)(?P<variant>[A-Za-z][^/]*?))?"
    rf"(?:_(?P<index>\d+))?"
)
