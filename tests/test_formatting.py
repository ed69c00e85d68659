"""Commands in messages can be pasted into a shell; long texts are cut."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from thresher.formatting import command_on, shell_word, shortened

WORDS = (
    "BONE",
    "DOMAINAL SKELETON",
    'it\'s "q"',
    "$HOME",
    "`ls`",
    "back\\slash",
    "wow!",
    "-dash",
    "🎸",
    "a\nb",
    "*",
)


@pytest.mark.parametrize("word", WORDS)
def test_a_shell_reads_a_word_as_it_was(word: str) -> None:
    line = f"printf -- %s {shell_word(word)}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == word


def test_the_escapes_of_a_path_that_is_not_utf_8_become_bytes_again() -> None:
    line = f"printf %s {shell_word('bad' + chr(92) + 'xff it' + chr(39) + 's.wav')}"
    assert subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout == b"bad\xff it's.wav"


def test_options_stand_before_a_name_that_begins_with_a_dash() -> None:
    assert command_on("song render", "BONE", options="-o x.wav") == 'thresher song render "BONE" -o x.wav'
    assert command_on("song render", "-b", options="-o x.wav") == 'thresher song render -o x.wav -- "-b"'
    assert shlex.split(command_on("song save", "-b", then="QUERY"))[2:] == ["save", "--", "-b", "QUERY"]


@pytest.mark.parametrize(
    ("text", "shown"), [("", ""), ("abcde", "abcde"), ("abcdef", "abcd…"), ("x" * 1000, "xxxx…")]
)
def test_a_text_is_cut_to_a_number_of_characters(text: str, shown: str) -> None:
    assert shortened(text, 5) == shown
