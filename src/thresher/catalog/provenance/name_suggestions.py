"""Suggest a pattern for file names that no pattern reads, guessed from words such as `ep` or `it` before numbers.

A suggestion is an entry of `catalog.toml` that reads the path it was made for. It is a guess: people check it with
`thresher names` before they use it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from thresher.catalog.files.paths import display_text
from thresher.catalog.provenance.name_parts import COUNT, PLAIN_WORDS
from thresher.catalog.provenance.name_patterns import Pattern
from thresher.catalog.provenance.name_shapes import common_shape
from thresher.catalog.provenance.provenance import CHECKPOINT_KEYS, check_key, compile_pattern, infer
from thresher.catalog.text.values import whole_number

WORDS: Mapping[str, str] = {
    **dict.fromkeys(("epoch", "epochs", "ep", "eps", "e"), "epoch"),
    **dict.fromkeys(("step", "steps", "stp", "globalstep", "gs", "it", "its", "iter", "iters", "i"), "step"),
    **dict.fromkeys(("iteration", "iterations", "ckpt", "ckp", "cp", "checkpoint", "chkpt", "kimg"), "step"),
    **dict.fromkeys(("update", "updates", "batch", "batches", "weights", "model"), "step"),
    **dict.fromkeys(("seed", "sd", "rng", "rs"), "seed"),
    **dict.fromkeys(("temp", "temperature", "tmp", "t"), "temperature"),
    **dict.fromkeys(("cfg", "guidance", "scale"), "cfg"),
    **dict.fromkeys(
        ("sample", "gen", "take", "clip", "idx", "index", "no", "n", "num", "item", "out"), "index"
    ),
}
"""Words before a number → the group that reads the number."""

_USEFUL = {*CHECKPOINT_KEYS, "seed", "temperature", "cfg"}
_WORD = r"(?:(?P<word>(?<![^\W_])[^\W\d_]+|(?<=\d)[^\W\d_]+)(?P<between>[ =_.:-]?))?"
_SUFFIX = r"[kKM](?![^\W_])"
_TOKEN = re.compile(rf"{_WORD}(?P<value>\d+(?:\.\d+)?(?:{_SUFFIX})?)(?!\d)", re.ASCII)
_WHOLE_TOKEN = re.compile(rf"{_WORD}(?P<value>\d+(?:(?:\.\d+)?{_SUFFIX})?)(?!\d)", re.ASCII)
_COUNT = re.compile(COUNT, re.ASCII)  # an epoch or a step, not a date
_DECIMAL_GROUPS = ("temperature", "cfg")
_RATE = re.compile(
    r"(?:8|11|12|16|22|24|32|44|48|64|88|96|112|128|160|176|192|224|256|320|384)k", re.IGNORECASE
)
_PARTS_OF_RUNS = ("v", "version", "run", "exp", "experiment", "trial")
_LONGEST_WORD = 16
_LONGEST_SEED = 2  # digits
_MOST_TRIED = 40  # different suggestions that are tried on all paths


@dataclass(frozen=True)
class Suggestion:
    """A suggested `[[provenance]]` entry: its name, its pattern, and what it reads in the path it was made for."""

    name: str
    pattern: str
    reads: Mapping[str, str]

    def toml(self) -> str:
        """Return the entry as text for `catalog.toml`."""
        return f"[[provenance]]\nname = {_quoted(self.name)}\npattern = {_quoted(self.pattern)}\n"


def suggest(path: bytes, root: bytes) -> Suggestion | None:
    """Suggest a pattern for the file at `path` below the ingested folder `root`; None without a word to go by."""
    inside = display_text(path.removeprefix(os.path.join(root, b"")))
    *folders, name = os.path.splitext(inside)[0].split("/")
    guess = _Guess()
    texts = [guess.read(name)]
    waiting: list[str] = []
    for folder in reversed(folders):
        if {"epoch", "step"} <= set(guess.values):
            break
        above = _Guess(taken=set(guess.values))
        text = above.read(folder)
        if {"epoch", "step"} & set(above.values):
            # the nearest folder that names the epoch or the step is a part of the pattern
            texts = [text, *waiting, *texts]
            waiting = []
            guess.values.update(above.values)
        else:
            waiting.append("[^/]+")
    if not _USEFUL & (set(guess.values) - {"run"}):
        return None
    regex = "/".join(texts)
    shown = re.sub(r"[0-9]+", "#", "/".join([*folders, name][-len(texts) :]))
    try:
        pattern = compile_pattern(shown, regex)
    except ValueError:
        return None
    found = infer(path, patterns=[pattern]).provenance.values()
    return Suggestion(shown, regex, found) if found else None


def suggest_for_all(files: Sequence[tuple[bytes, bytes]]) -> list[Suggestion | None]:
    """Suggest a pattern for each of several files, given by path and root, and as few different ones as possible.

    A pattern that reads the same values in most paths comes first. `reads` are the values in the file's own path.
    """
    own = [suggest(path, root) for path, root in files]
    made = {each.pattern: each for each in own if each is not None}
    readers = {
        text: {number for number, each in enumerate(own) if each and _reads(pattern, files[number][0], each)}
        for text in list(made)[:_MOST_TRIED]
        for pattern in [compile_pattern("suggested", text)]
    }
    chosen = list(own)
    left = {number for number, each in enumerate(own) if each is not None}
    while readers:
        best = max(readers, key=lambda text: len(left & readers[text]))
        taken = {number: each for number in left & readers.pop(best) if (each := own[number])}
        name = common_shape([taken[number].name for number in sorted(taken)]) if taken else best
        for number, each in taken.items():
            chosen[number] = replace(each, name=name, pattern=best)
        left -= taken.keys()
    return chosen


def _reads(pattern: Pattern, path: bytes, wanted: Suggestion) -> bool:
    """Return whether a pattern reads in a path what the one suggested for it reads."""
    return infer(path, patterns=[pattern]).provenance.values() == dict(wanted.reads)


@dataclass
class _Guess:
    """The pattern for one name. `values` maps each group to its value; groups in `taken` are not used again."""

    taken: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)

    def read(self, name: str) -> str:
        """Return the regular expression for a name, with a group for each number that it can tell."""
        tokens = [token for token in _tokens(name) if not self._is_text(token)]
        words = [_word(token) for token in tokens]
        parts, end = [], 0
        for number, token in enumerate(tokens):
            start = token.start() if words[number] else token.start("value")
            parts.append(self._text(name[end:start], is_first=number == 0))
            parts.append(_escape(name[start : token.start("value")]))
            parts.append(self._number(self._group(words, number, token["value"]), token["value"]))
            end = token.end()
        return "".join(parts) + self._text(name[end:], is_first=False)

    def _is_text(self, token: re.Match[str]) -> bool:
        """Return whether a number is a part of a name, or a rate."""
        word = (token["word"] or "").lower()
        is_rate = _RATE.fullmatch(token["value"]) is not None and WORDS.get(word) not in ("epoch", "step")
        return is_rate or word in _PARTS_OF_RUNS

    def _group(self, words: list[str], number: int, value: str) -> str | None:
        word = words[number]
        group = WORDS.get(word)
        if word == "s":  # a step, unless another word names the step or the number is small
            others = {WORDS.get(other) for other in words}
            is_step = "epoch" in others or len(value) > _LONGEST_SEED
            group = "step" if is_step and "step" not in others else "seed"
        elif not word and value[-1] in "kKM":
            group = "step"
        elif not word:
            group = "index" if number == len(words) - 1 else None
        elif group is None:
            group = word if len(word) <= _LONGEST_WORD and _is_free(word) else None
        if group is None or group in self.values or group in self.taken:
            return None
        if group in ("epoch", "step") and (whole_number(value) is None or not _COUNT.fullmatch(value)):
            return None
        self.values[group] = value
        return group

    def _text(self, text: str, *, is_first: bool) -> str:
        """Return the expression for text between numbers: separators as they are, other text as anything."""
        core = text.strip(" =_.:-")
        if not core:
            return _escape(text)
        before, _, after = text.partition(core)
        if is_first and "run" not in self.taken and not _is_plain(core):
            self.values["run"] = core
            return _escape(before) + "(?P<run>[^/]+?)" + _escape(after)
        return _escape(before) + (_escape(core) if is_first else "[^/]*?") + _escape(after)

    def _number(self, group: str | None, value: str) -> str:
        digits = r"[\d.]+" if "." in value else r"\d+"
        suffix = "[kKM]?" if value[-1] in "kKM" else ""
        if group is None:
            return digits + suffix
        return f"(?P<{group}>{digits}{suffix})"


def _tokens(name: str) -> Iterator[re.Match[str]]:
    """Yield the numbers of a name with the words before them. The number of an epoch ends at a decimal point."""
    position = 0
    while token := _TOKEN.search(name, position):
        word = _word(token)
        if word and WORDS.get(word, "") not in _DECIMAL_GROUPS and (word in WORDS or word == "s"):
            token = _WHOLE_TOKEN.match(name, token.start()) or token
        yield token
        position = token.end()


def _word(token: re.Match[str]) -> str:
    """Return the word that belongs to a number, in lower case: a known one, or one directly before the number."""
    word = (token["word"] or "").lower()
    return word if word in WORDS or word == "s" or token["between"] in ("", "=", ":") else ""


def _escape(text: str) -> str:
    """Escape what has a meaning in a regular expression, and nothing else."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)


def _is_plain(text: str) -> bool:
    return re.fullmatch(rf"(?:{PLAIN_WORDS})s?", text, re.IGNORECASE) is not None


def _is_free(word: str) -> bool:
    try:
        check_key(word)
    except ValueError:
        return False
    return True


def _quoted(text: str) -> str:
    """Return text as a TOML string: literal, so that backslashes stay single, unless it contains a quote."""
    return json.dumps(text, ensure_ascii=False) if "'" in text or not text.isprintable() else f"'{text}'"
