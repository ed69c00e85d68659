"""Sidecars become attributes, and a broken one is a warning."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from thresher.catalog.provenance.provenance import Provenance, infer
from thresher.catalog.provenance.sidecars import (
    LARGEST_SIDECAR,
    MOST_SIDECAR_KEYS,
    find_sidecar,
    read_command,
    read_sidecar,
    sidecar_names,
)

UUID = "0f8fad5bd9cb469fa16570867728950e"


def audio_with_sidecar(folder: Path, content: object, name: str = "a.json") -> bytes:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / name).write_bytes(data)
    return os.fsencode(folder / "a.wav")


def test_an_audiocraft_sidecar(tmp_path: Path) -> None:
    path = audio_with_sidecar(
        tmp_path,
        {
            "id": f"noinput_{UUID}",
            "path": "xps/9357d0f2/samples/40/a.wav",
            "epoch": 40,
            "duration": 30.0,
            "conditioning": {"description": "slow rain, bass", "bpm": None},
            "prompt": {"id": "ab12", "path": "samples/40/prompt/ab12.wav", "duration": 7.5},
            "reference": None,
            "generation_args": {
                "classifier_free_guidance_inference_coef": 3.0,
                "use_sampling": True,
                "temp": 0.95,
                "top_k": 250,
            },
        },
    )
    assert read_sidecar(path) == (
        {
            "sidecar_id": f"noinput_{UUID}",
            "sidecar_path": "xps/9357d0f2/samples/40/a.wav",
            "epoch": "40",
            "duration": "30.0",
            "description": "slow rain, bass",
            "prompt_id": "ab12",
            "prompt_path": "samples/40/prompt/ab12.wav",
            "prompt_duration": "7.5",
            "cfg": "3.0",
            "use_sampling": "true",
            "temperature": "0.95",
            "top_k": "250",
        },
        None,
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, {}),
        ({"prompt": "a\nb"}, {"prompt": "a\nb"}),
        ({"Top-K2": 5, "": 1, "температура": 0.9, "a b.c": 2}, None),
        ({"lora1": "shark", "lora2": "whale"}, None),
        ({"a_b": 1, "a": {"b": 2}}, {"a_b": "1", "a.b": "2"}),
        ({"temp": 1, "temperature": 2}, {"temperature": "2", "temp": "1"}),
        ({"Epoch": 3, "epoch": 4}, {"epoch": "4", "sidecar_Epoch": "3"}),
        ({"EPOCH": 3}, {"epoch": "3"}),
        ({"a\n\tb\u2028\x00": 1}, {"a\\x0a\\x09b\\u2028\\x00": "1"}),
        ({"Rating": 5, "LENGTH": 2}, {"sidecar_Rating": "5", "sidecar_LENGTH": "2"}),
        ({"u\u0308": 1}, {"ü": "1"}),
        ({"epoch": None}, {}),
        (b'{"seed": 18446744073709551615}', {"seed": "18446744073709551615"}),
        (b'{"cfg": 0.10, "lr": 1E-5, "x": 1e999}', {"cfg": "0.10", "lr": "1E-5", "x": "1e999"}),
        (b'{"n": ' + b"9" * 5000 + b"}", {"n": "9" * 5000}),
        ({"a": {"b": {"c": 1}}}, {"a_b_c": "1"}),
        ({"list": [1, 2], "none": None, "empty": ""}, {}),
        ({"rating": 5}, {"sidecar_rating": "5"}),
        ({"start": 1.5, "sha256": "x"}, {"sidecar_start": "1.5", "sidecar_sha256": "x"}),
        ({"clip": {"start": 1.5}}, {"clip_start": "1.5"}),
        (b'{"loss": NaN, "worst": -Infinity}', {"loss": "nan", "worst": "-inf"}),
        (b'\xef\xbb\xbf{"seed": 3}', {"seed": "3"}),
        (b'{"x": "\\ud800\\u0000"}', {"x": "\\ud800\\x00"}),
        ({"params": {"seed": 42, "temp": 0.9}}, {"seed": "42", "temperature": "0.9"}),
        ({"args": {"seed": 42}, "settings": {"cfg_coef": 3}}, {"seed": "42", "cfg": "3"}),
        (
            {"metadata": {"epoch": 3, "step": 1200, "title": "doom"}},
            {"epoch": "3", "step": "1200", "title": "doom"},
        ),
        ({"params": {"model": {"name": "m"}}}, {"model_name": "m"}),
        ({"params": {"seed": 2}, "seed": 1}, {"seed": "1", "params_seed": "2"}),
        ({"params": {"seed": 2}, "args": {"seed": 1}}, {"seed": "2", "args_seed": "1"}),
        (
            {"config": {"seed": 2036}, "trainer": {"global_step": 5}},
            {"config_seed": "2036", "trainer_global_step": "5"},
        ),
        (
            {"global_step": 5000, "current_epoch": 3, "run_name": "a"},
            {"step": "5000", "epoch": "3", "run": "a"},
        ),
        ({"exp_name": "a"}, {"run": "a"}),
        ({"experiment_name": "a", "run": "b"}, {"run": "b", "experiment_name": "a"}),
        ({"global_step": 5000, "step": 40}, {"step": "40", "global_step": "5000"}),
        ({"global_step": "final", "run_name": True}, {"global_step": "final", "run_name": "true"}),
        (
            {"iteration": 3, "infer_step": 60, "steps": 50},
            {"iteration": "3", "infer_step": "60", "steps": "50"},
        ),
        ({"actual_seeds": [3141592653], "oss_steps": [], "pair": [1, 2]}, {"seed": "3141592653"}),
        ({"conditioning": [{"prompt": "rain"}], "nested": [[1]]}, {"prompt": "rain"}),
        ({"sys.argv": ["g.py", "--seed", "42"]}, {"seed": "42"}),
        ({"args": ["g.py"]}, {}),
        ({"metadata": {"cmd": "g.py +seed=42"}}, {"seed": "42", "cmd": "g.py +seed=42"}),
    ],
)
def test_sidecars(tmp_path: Path, content: object, expected: dict[str, str] | None) -> None:
    if expected is None:  # every key and value as it is
        assert isinstance(content, dict)
        expected = {key or "_": str(value) for key, value in content.items()}
    assert read_sidecar(audio_with_sidecar(tmp_path, content)) == (expected, None)


@pytest.mark.parametrize(
    ("content", "expected", "words"),
    [
        (b'{"seed": 1, "seed": 2}', {"seed": "2"}, '"seed" occurs twice'),
        ({"": 1, "_": 2}, {"_": "2"}, 'a second value of "_" is ignored: 1'),
        ({"epoch": [1]}, {}, "epoch is a list, which is ignored"),
        ({"Step": ""}, {}, 'Step is "", which is ignored'),
        ({"run": "  ", "seed": 3}, {"seed": "3"}, 'run is "  ", which is ignored'),
        ({"run": True}, {}, 'run is "true", which is ignored'),
        ({"k" * 300: 1}, {}, "its name is too long"),
    ],
)
def test_a_value_that_is_left_out_is_reported(
    tmp_path: Path, content: object, expected: dict[str, str], words: str
) -> None:
    attributes, warning = read_sidecar(audio_with_sidecar(tmp_path, content))
    assert attributes == expected
    assert warning is not None
    assert words in warning
    assert '"a.json"' in warning


def test_epoch_and_step_are_read_from_a_sidecar(tmp_path: Path) -> None:
    path = audio_with_sidecar(tmp_path, {"run": "night", "epoch": 4.0, "step": "-1", "seed": 3})
    sidecar, _ = read_sidecar(path)
    assert infer(path, sidecar=sidecar).provenance == Provenance(
        "night", 4, None, {"step": "-1", "seed": "3"}
    )


def test_the_sidecar_with_the_whole_name_comes_first(tmp_path: Path) -> None:
    audio_with_sidecar(tmp_path, {"seed": 1})
    path = audio_with_sidecar(tmp_path, {"seed": 2}, "a.wav.json")
    assert read_sidecar(path) == ({"seed": "2"}, None)


def test_the_sidecar_of_ace_step(tmp_path: Path) -> None:
    path = audio_with_sidecar(tmp_path, {"seed": 2}, "a_input_params.json")
    assert read_sidecar(path) == ({"seed": "2"}, None)
    assert find_sidecar(path) == os.fsencode(tmp_path / "a_input_params.json")
    assert sidecar_names(b"a.wav") == (b"a.wav.json", b"a.json", b"a_input_params.json")


def test_the_command_in_a_sidecar(tmp_path: Path) -> None:
    path = audio_with_sidecar(tmp_path, {"seed": 3, "metadata": {"invocation": "g.py --seed 42"}})
    assert read_command(path) == ("g.py", "--seed", "42")
    assert read_sidecar(path)[0]["seed"] == "3"
    assert read_command(audio_with_sidecar(tmp_path, {"note": {"command": "g.py --seed 42"}})) == ()


def test_no_sidecar(tmp_path: Path) -> None:
    assert read_sidecar(os.fsencode(tmp_path / "a.wav")) == ({}, None)
    longest = "x" * 251 + ".wav"  # its sidecar's name would be longer than a name can be
    assert read_sidecar(os.fsencode(tmp_path / longest)) == ({}, None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON"),
        (b'{"a": ', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b"[1]", "no JSON object"),
        (b" " * (LARGEST_SIDECAR + 1), "larger than 1,000,000 bytes"),
    ],
)
def test_a_broken_sidecar_is_a_warning(tmp_path: Path, content: bytes, words: str) -> None:
    attributes, warning = read_sidecar(audio_with_sidecar(tmp_path, content))
    assert attributes == {}
    assert warning is not None
    assert words in warning
    assert '"a.json"' in warning


def test_a_sidecar_that_is_not_a_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    assert read_sidecar(os.fsencode(tmp_path / "a.wav")) == (
        {},
        'sidecar "a.json" is ignored: it is not a regular file',
    )


def test_a_sidecar_with_too_many_keys_is_truncated(tmp_path: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    flood = {first + second: 1 for first in letters for second in letters}
    attributes, warning = read_sidecar(audio_with_sidecar(tmp_path, flood))
    assert len(attributes) == MOST_SIDECAR_KEYS
    assert warning is not None
    assert str(MOST_SIDECAR_KEYS) in warning
