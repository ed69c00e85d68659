"""Signals that arrive while a C library calls Python functions take effect after the call."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from thresher.catalog.audio import encoding
from thresher.catalog.audio.encoding import AudioWriter
from thresher.catalog.audio.held_signals import HELD, held_signals
from thresher.catalog.audio.reader import AudioReader


@pytest.fixture(autouse=True)
def raising() -> Iterator[None]:
    """Handlers that raise, as those of a command do."""

    def stop(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    before = {number: signal.signal(number, stop) for number in HELD}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", HELD)
def test_a_signal_takes_effect_at_the_end_of_the_block(number: int) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), held_signals():
        os.kill(os.getpid(), number)
        done.append("the rest")
    assert done == ["the rest"]
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with held_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_other_threads_hold_nothing_back() -> None:
    seen: list[object] = []

    def look() -> None:
        with held_signals():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [before]


def interrupting(real: Callable[..., Any], times: list[int]) -> Callable[..., Any]:
    """Return `real`, which sends SIGINT to this process during its first call."""

    def call(*arguments: Any) -> Any:
        times.append(1)
        if len(times) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return real(*arguments)

    return call


@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".flac", ".ogg", ".opus"])
def test_an_interrupted_write_raises_after_the_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    form = encoding.OUTPUT_FORMATS[suffix]
    noise = np.random.default_rng(1).normal(scale=0.1, size=(48_000, 1)).astype(np.float32)
    times: list[int] = []
    with (
        pytest.raises(KeyboardInterrupt),
        AudioWriter(
            bytes(tmp_path / f"a{suffix}"), 48_000, 1, form.container, form.subtypes[0], frames=96_000
        ) as writer,
    ):
        monkeypatch.setattr(writer._sink, "write", interrupting(writer._sink.write, times))
        for _ in range(4):
            writer.write(noise)


def test_an_interrupted_read_raises_instead_of_ending_the_audio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(48_000, np.float32), 16_000)
    content = bytearray(path.read_bytes())
    content[40:44] = bytes(4)  # a size of 0, so that the file is read through Python functions
    path.write_bytes(content)
    with AudioReader(bytes(path)) as reader:
        times: list[int] = []
        source: Any = vars(reader._open_decoder())["_source"]
        monkeypatch.setattr(source, "readinto", interrupting(source.readinto, times))
        with pytest.raises(KeyboardInterrupt):
            for _ in reader.blocks():
                pass
        assert times
