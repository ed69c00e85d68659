"""Command lines in sidecars and tags, and their flags."""

from __future__ import annotations

import pytest

from thresher.catalog.provenance.command_lines import command_of, find_command, flags_of, is_command


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (["g.py", "--seed", "42", "--top-k=250"], {"seed": "42", "top_k": "250"}),
        (["g.py", "--use_sampling", "--temp", "-0.5", "out.wav"], {"use_sampling": "true", "temp": "-0.5"}),
        (["dora", "run", "seed=7", "solver.cfg=3"], {"seed": "7", "solver.cfg": "3"}),
        (["g.py", "--seed", "1", "--seed", "2"], {"seed": "2"}),
        (["g.py", "+seed=7", "++lm.temp=0.9", "a+b=c"], {"seed": "7", "lm.temp": "0.9"}),
        (["g.py", "-t", "0.9", "--"], {"t": "0.9"}),
        (["g.py"], {}),
    ],
)
def test_flags(words: list[str], flags: dict[str, str]) -> None:
    assert flags_of(words) == flags


def test_a_text_or_a_list_is_a_command() -> None:
    assert command_of("g.py --prompt 'a b'") == ("g.py", "--prompt", "a b")
    assert command_of("g.py --prompt 'a b") == ("g.py", "--prompt", "'a", "b")  # an open quotation mark
    assert command_of(["g.py", 3, 0.5]) == ("g.py", "3", "0.5")
    for value in ([], ["a", None], {"a": 1}, None, "x" * 200_000):
        assert command_of(value) == ()


def test_the_key_of_a_command_is_found_in_any_case() -> None:
    assert find_command({"a": 1, "ARGV": ["g.py", "--seed", "1"]}) == ("g.py", "--seed", "1")
    assert find_command({"args": {"seed": 1}}) == ()


def test_a_comment_is_a_command_only_with_a_flag() -> None:
    assert is_command("python g.py --seed 42")
    assert not is_command("slow -- and low")
    assert not is_command("a well-known song")
