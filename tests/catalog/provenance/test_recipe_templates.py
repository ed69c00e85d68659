"""Templates of command lines: placeholders, braces, quoting that a shell undoes, and mistakes."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thresher.catalog.provenance.recipe_templates import RecipeTemplate, parse_template, shell_quoted


def filled(text: str, **values: str) -> str:
    return parse_template(text).command(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("g --seed {seed}", "g --seed 7"),
        ("g --prompt={prompt} {{x}} $HOME", "g --prompt='it'\"'\"'s' {x} $HOME"),
        ("g {seed:04} {seed:3}", "g 0007 007"),
        ("echo 'a b' {seed} \"c\"", "echo 'a b' 7 \"c\""),
        ("g ${{HOME}}/{seed}", "g ${HOME}/7"),
    ],
)
def test_a_template_is_filled(text: str, expected: str) -> None:
    assert filled(text, seed="7", prompt="it's") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g {seed", "not closed"),
        ("g seed}", "closes nothing"),
        ("g {}", "not a placeholder"),
        ("g { }", "not a placeholder"),
        ("g {a:999}", None),
        ("g '{seed}'", "inside '"),
        ('g "x {seed}"', 'inside "'),
        ("g `echo {seed}`", "inside `"),
        ("g \\{seed}", "after \\"),
        ("g ${seed}", "after $"),
        ("g 'open", "is not closed"),
    ],
)
def test_a_mistake_in_a_template(text: str, message: str | None) -> None:
    if message is None:
        assert parse_template(text).names == ("a:999",)
        return
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_template(text)


def test_an_endless_template_is_read_in_the_time_of_its_length() -> None:
    for text in ("x" * 1_000_000, "{{" * 500_000, "{x}" * 100_000):
        assert parse_template(text).plain({"x": "{x}"}) == text.replace("{{", "{")


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("plain", "plain"),
        ("", "''"),
        ("a b", "'a b'"),
        ("$(reboot)", "'$(reboot)'"),
        ("two\nlines", "$'two\\nlines'"),
        ("it's\x1b[2J\\", "$'it\\'s\\x1b[2J\\\\'"),
        ("\u202e", "$'\\xe2\\x80\\xae'"),
        ("\udcff", "$'\\xff'"),
    ],
)
def test_values_are_quoted(value: str, quoted: str) -> None:
    assert shell_quoted(value) == quoted


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_a_shell_reads_back_every_value() -> None:
    values = [
        "a b",
        "it's",
        '$HOME `x` "y"',
        "!*?[a]~#",
        "two\nlines\t\x01\x7f",
        "naïve – ünï\u202e",
        "-x",
        "\\",
        "a'\nb\\",
    ]
    line = parse_template("printf '%s\\0' " + " ".join(f"{{v{n}}}" for n in range(len(values))))
    command = line.command({f"v{n}": value for n, value in enumerate(values)})
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert done.stdout.decode("utf-8").split("\0")[:-1] == values


@given(st.text(max_size=30))
def test_a_quoted_value_is_printable(value: str) -> None:
    assert shell_quoted(value).isprintable()


def test_the_checkpoint_has_a_template_of_its_own() -> None:
    command = parse_template("g --ckpt {checkpoint} {seed}")
    checkpoint = parse_template("my runs/{run}/{epoch:03}.pt", is_command=False)
    entry = RecipeTemplate("a", command, checkpoint=checkpoint)
    assert entry.names == ("seed", "run", "epoch")
    assert entry.filled({"seed": "1", "run": "n", "epoch": "7"}) == ("g --ckpt 'my runs/n/007.pt' 1", ())
    assert entry.filled({"run": "n"}) == (None, ("seed", "epoch"))
