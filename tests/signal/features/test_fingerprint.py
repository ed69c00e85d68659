"""Every backend gets the same PCM and returns the same words; without a backend, the error says what to install."""

from __future__ import annotations

import builtins
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from thresher.errors import BackendMissingError, ConfigError, ThresherError
from thresher.signal.features import fingerprint
from thresher.signal.features.fingerprint import (
    BACKENDS,
    FIRST_WORD_SECONDS,
    WORD_SECONDS,
    Backend,
    FFmpeg,
    chromaprint_frames,
    find_backend,
    pipe,
    to_pcm,
    word_count,
)

PYTHON = sys.executable

SILENCE_WORD = 627_964_279
"""The only word in the fingerprint of silence, of a constant and of one-bit noise."""


def available(name: str) -> Backend:
    try:
        return find_backend(name)
    except BackendMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Backend:
    return available(request.param)


@pytest.fixture
def fresh_search() -> Iterator[None]:
    find_backend.cache_clear()
    yield
    find_backend.cache_clear()


def melody(frames: int, sr: int, seed: int = 0) -> NDArray[np.int16]:
    """Notes of a quarter of a second in noise: words that differ from one another."""
    generator = np.random.default_rng(seed)
    notes = 220.0 * 2.0 ** (generator.integers(0, 24, frames * 4 // sr + 1) / 12)
    frequency = np.repeat(notes, sr // 4 + 1)[:frames]
    y = 0.5 * np.sin(2 * np.pi * np.cumsum(frequency) / sr) + 0.05 * generator.standard_normal(frames)
    return to_pcm(y.astype(np.float32), 1.0)


def frames_for(words: int, sr: int) -> int:
    """The fewest frames at `sr` that have this many words."""
    few, enough = 0, 60 * sr
    while few < enough:
        middle = (few + enough) // 2
        few, enough = (few, middle) if word_count(middle, sr) >= words else (middle + 1, enough)
    return few


@pytest.mark.parametrize("sr", [11_025, 16_000, 44_100])
def test_a_fingerprint_covers_all_blocks(backend: Backend, sr: int) -> None:
    pcm = melody(5 * sr, sr)
    whole = backend.fingerprint([pcm], sr)
    assert whole.dtype == np.uint32
    assert len(set(whole.tolist())) > 5
    assert np.array_equal(backend.fingerprint(iter(np.array_split(pcm, 37)), sr), whole)


def test_long_blocks_are_passed_on_in_portions(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    pcm = melody(80_000, 16_000)
    whole = backend.fingerprint([pcm], 16_000)
    monkeypatch.setattr(fingerprint, "BLOCK_SAMPLES", 1_000)
    assert np.array_equal(backend.fingerprint([pcm], 16_000), whole)


@pytest.mark.parametrize("sr", [2_000, 7_999, 8_000, 11_000, 11_025, 11_127, 16_000, 44_100, 192_000])
@pytest.mark.parametrize("words", [1, 2, 9])
def test_the_number_of_words_is_exact_to_the_frame(sr: int, words: int) -> None:
    backend = available("auto")
    frames = frames_for(words, sr)
    pcm = melody(frames, sr)
    assert len(backend.fingerprint([pcm], sr)) == word_count(frames, sr) == words
    assert len(backend.fingerprint([pcm[:-1]], sr)) == word_count(frames - 1, sr) == words - 1


@pytest.mark.parametrize("frames", [0, 1, 100, 11_025])
@pytest.mark.parametrize("sr", [2_000, 11_025, 44_100])
def test_a_signal_that_is_too_short_has_no_words(backend: Backend, frames: int, sr: int) -> None:
    frames = min(frames, 2 * sr)
    words = backend.fingerprint([melody(frames, sr)] if frames else [], sr)
    assert words.shape == (0,)
    assert words.dtype == np.uint32


def test_constants_are_those_of_chromaprint() -> None:
    assert pytest.approx(0.1238, abs=5e-5) == WORD_SECONDS
    assert pytest.approx(2.724, abs=5e-4) == FIRST_WORD_SECONDS
    assert word_count(30_031, 11_025) == 1
    assert word_count(30_030, 11_025) == 0
    assert frames_for(1, 44_100) == pytest.approx(FIRST_WORD_SECONDS * 44_100, rel=1e-3)


@given(frames=st.integers(0, 10**9), sr=st.integers(1, 400_000))
def test_words_can_be_counted_for_any_rate_and_length(frames: int, sr: int) -> None:
    assert word_count(frames, sr) >= 0
    assert word_count(frames, sr) <= frames / sr / WORD_SECONDS
    assert abs(chromaprint_frames(frames, sr) - frames * 11_025 / sr) <= 11 + 11_025 / sr / 2


@pytest.mark.parametrize("sr", [8_000, 16_000])
@pytest.mark.parametrize("sound", ["silence", "a constant", "one bit of noise"])
def test_silence_is_one_constant_word(backend: Backend, sr: int, sound: str) -> None:
    generator = np.random.default_rng(1)
    pcm = {
        "silence": np.zeros(4 * sr),
        "a constant": np.full(4 * sr, 12_345),
        "one bit of noise": generator.integers(-1, 2, 4 * sr),
    }[sound].astype(np.int16)
    # A resampled constant has edges, which are heard.
    if sound == "a constant" and sr < 11_025:
        return
    words = backend.fingerprint([pcm], sr)
    assert set(words.tolist()) == {SILENCE_WORD}


@pytest.mark.parametrize("sr", [2_000, 8_000, 10_000])
def test_signals_at_low_rates_keep_their_end(sr: int) -> None:
    """Chromaprint itself loses up to 3 s of it."""
    backend = available("auto")
    pcm = melody(13 * sr, sr)
    longer = np.concatenate([pcm, melody(2 * sr, sr, seed=1)])
    words, more = backend.fingerprint([pcm], sr), backend.fingerprint([longer], sr)
    assert len(more) - len(words) == pytest.approx(2 / WORD_SECONDS, abs=1)
    # All but the last word or two, which look at the edge.
    assert np.array_equal(more[: len(words) - 2], words[:-2])


def test_an_error_shows_the_invalid_rate(backend: Backend) -> None:
    with pytest.raises(ValueError, match="not 0"):
        backend.fingerprint([], 0)


def corpus_files(corpus: Path) -> list[Path]:
    kinds = {".wav", ".ogg", ".flac", ".mp3"}
    return sorted(path for path in (corpus / "neural").rglob("*") if path.suffix in kinds)


@pytest.mark.slow
def test_ffmpeg_and_the_library_agree_on_real_clips(corpus: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    library, ffmpeg = available("libchromaprint"), available("ffmpeg")
    files = corpus_files(corpus)
    assert len(files) > 300
    differing = []
    for path in files:
        sr = soundfile.info(path).samplerate
        y, _ = soundfile.read(path, frames=30 * sr, dtype="float32", always_2d=True)
        pcm = to_pcm(y.mean(axis=1), float(np.abs(y.mean(axis=1)).max(initial=0.0)))
        words = library.fingerprint([pcm], sr)
        assert len(words) == word_count(len(pcm), sr), path
        if not np.array_equal(ffmpeg.fingerprint([pcm], sr), words):
            differing.append(path.name)
    # Another build of the same algorithm may round a word differently once in a while.
    assert len(differing) <= len(files) // 100, differing


def test_fpcalc_and_the_library_agree_except_for_one_word() -> None:
    library, fpcalc = available("libchromaprint"), available("fpcalc")
    for seed in range(5):
        pcm = melody(160_000, 16_000, seed)
        ours, theirs = library.fingerprint([pcm], 16_000), fpcalc.fingerprint([pcm], 16_000)
        assert len(ours) == len(theirs)
        assert np.count_nonzero(ours != theirs) <= 2


def test_16_bit_samples_are_converted_without_change() -> None:
    samples = np.arange(-32_768, 32_768).astype(np.int16)
    y = samples.astype(np.float32) / np.float32(32_768)
    assert np.array_equal(to_pcm(y, 1.0), samples)
    assert np.array_equal(to_pcm(y[::7], 0.3), samples[::7])


def test_samples_are_rounded_not_truncated() -> None:
    steps = np.array([-1.6, -0.6, -0.4, 0.5, 0.6, 1.5, 2.5, 32_767.6], np.float32)
    assert to_pcm(steps / np.float32(32_768), 1.0).tolist() == [-2, -1, 0, 0, 1, 2, 2, 32_767]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("peak", [1.5, 4.5, 3e38])
def test_peaks_above_one_are_scaled_to_full_scale(peak: float) -> None:
    y = (np.linspace(-1.0, 1.0, 1_001) * peak).astype(np.float32)
    expected = np.clip(np.rint(32_768 * np.linspace(-1.0, 1.0, 1_001)), -32_768, 32_767)
    assert np.abs(to_pcm(y, peak) - expected).max() <= 1
    assert to_pcm(y, peak)[[0, 500, -1]].tolist() == [-32_768, 0, 32_767]


def test_all_blocks_of_a_clip_have_the_same_scale() -> None:
    y = (3.0 * np.sin(np.arange(1_000))).astype(np.float32)
    parts = [to_pcm(part, 3.0) for part in np.array_split(y, 9)]
    assert np.array_equal(np.concatenate(parts), to_pcm(y, 3.0))


@pytest.mark.usefixtures("fresh_search")
def test_the_library_is_preferred_and_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stub:
        name, version = "stub", "1"
        made = 0

        def __init__(self) -> None:
            Stub.made += 1

        def fingerprint(self, blocks: object, sr: int) -> NDArray[np.uint32]:  # noqa: ARG002  Backend's names
            return np.empty(0, np.uint32)

    monkeypatch.setitem(BACKENDS, "libchromaprint", Stub)
    assert list(BACKENDS) == ["libchromaprint", "ffmpeg", "fpcalc"]
    assert find_backend() is find_backend()
    assert Stub.made == 1
    assert find_backend().name == "stub"


def without_modules(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    real_import: Callable[..., Any] = builtins.__import__

    def importing(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name in names:
            raise ImportError(f"couldn't find {name}")
        return real_import(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.mark.usefixtures("fresh_search")
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32", "freebsd14"])
def test_without_a_backend_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    without_modules(monkeypatch, "chromaprint", "imageio_ffmpeg")
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(BackendMissingError) as caught:
        find_backend()
    message = str(caught.value)
    for part in ("pip install 'imageio-ffmpeg", "brew install chromaprint", "winget install", *BACKENDS):
        assert part in message
    first = {"darwin": "brew", "win32": "winget"}.get(platform, "pip")
    assert f"install it with `{first} " in message
    assert "\n" not in message


@pytest.mark.usefixtures("fresh_search")
def test_a_backend_requested_by_name_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BackendMissingError, match=r"fpcalc: not installed.*set the backend to \"auto\""):
        find_backend("fpcalc")


@pytest.mark.usefixtures("fresh_search")
def test_an_unknown_backend_raises_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r'"chromaprnt" \(expected auto, libchromaprint, ffmpeg or fpcalc\)'
    ):
        find_backend("chromaprnt")


def test_an_ffmpeg_without_chromaprint_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "ffmpeg_programs", lambda: [PYTHON, "/nowhere/ffmpeg"])
    monkeypatch.setattr(fingerprint, "ask", lambda _: fingerprint.Answer(0, b"Unknown format\n", b""))
    with pytest.raises(BackendMissingError, match="was built without Chromaprint"):
        FFmpeg()
    monkeypatch.undo()
    monkeypatch.setattr(fingerprint, "ffmpeg_programs", lambda: ["/nowhere/ffmpeg"])
    with pytest.raises(BackendMissingError, match=r"/nowhere/ffmpeg does not run: .*No such file"):
        FFmpeg()


def test_the_error_of_a_failing_program_is_shown() -> None:
    backend = FFmpeg.__new__(FFmpeg)
    backend._program = shutil.which("false") or pytest.skip("no program that fails")
    with pytest.raises(ThresherError, match="failed to compute a fingerprint: exit code 1"):
        backend.fingerprint([melody(80_000, 16_000)], 16_000)
    backend._program = "/nowhere/ffmpeg"
    with pytest.raises(ThresherError, match=r"cannot start /nowhere/ffmpeg: .*No such file"):
        backend.fingerprint([melody(80_000, 16_000)], 16_000)


def test_a_program_with_much_output_does_not_block() -> None:
    """More on both outputs than a pipe holds, before its input is read."""
    talk = "import sys; [s.write('x' * 999_999 + '\\n') for s in (sys.stdout, sys.stderr)]; "
    answer = pipe(
        [PYTHON, "-c", talk + "print(len(sys.stdin.buffer.read()))"], [np.zeros(10**6, np.int16)] * 3
    )
    assert answer.code == 0
    assert answer.output.endswith(b"\n6000000\n")
    assert len(answer.errors) == 10**6
    assert answer.samples == 3 * 10**6


def test_a_program_that_stops_reading_gives_an_answer() -> None:
    leave = "import sys; sys.stdin.close(); sys.exit('no such codec')"
    answer = pipe([PYTHON, "-c", leave], [np.zeros(10**6, np.int16)] * 3)
    assert answer.code == 1
    assert answer.reason == "no such codec"


def test_an_error_in_the_blocks_ends_the_program() -> None:
    def failing() -> Iterator[NDArray[np.int16]]:
        yield np.zeros(1_000, np.int16)
        raise BrokenPipeError("the disk went away")

    with pytest.raises(BrokenPipeError, match="the disk went away"):
        pipe([PYTHON, "-c", "import time; time.sleep(600)"], failing())
