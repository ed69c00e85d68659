"""Sounds of another pitch, or with other movements of loudness, do not agree; copies and parts do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from thresher.signal.features.descriptors import analysed_spans
from thresher.signal.features.profile import profile
from thresher.signal.features.spectra import at_working_rate, spectra
from thresher.signal.metrics.agreement import Profiled, agree

RATE = 16_000
SECONDS = 6
TIME = np.arange(SECONDS * RATE) / RATE

Sound = NDArray[np.floating]


def profiled(y: Sound, sr: int = RATE) -> Profiled:
    excerpts = np.concatenate([y[start:end] for start, end in analysed_spans(len(y), sr)])
    analysed = at_working_rate(excerpts.astype(np.float32), sr)
    return Profiled(profile(analysed, spectra(analysed)), len(y), sr)


def tone(hz: float, partials: int = 1, time: NDArray[np.float64] = TIME) -> Sound:
    waves = [np.sin(2 * np.pi * hz * number * time) / number for number in range(1, partials + 1)]
    return np.asarray(np.sum(waves, axis=0) / 4)


def chord(*semitones: int) -> Sound:
    return np.asarray(np.sum([tone(220 * 2 ** (each / 12), 5) for each in semitones], axis=0))


def melody(hz: float, seed: int = 1) -> Sound:
    notes = np.random.default_rng(seed).choice([0, 2, 4, 5, 7, 9, 11], 2 * SECONDS)
    time = TIME[: RATE // 2]
    return np.concatenate([tone(hz * 2 ** (note / 12), 5, time) * np.exp(-3 * time) for note in notes])


def clicks(rate: float) -> Sound:
    return (np.arange(len(TIME)) % round(RATE / rate) < 8).astype(np.float32) / 2


def chirp(low: float, high: float) -> Sound:
    pitch = low * (high / low) ** (TIME / SECONDS)
    return np.sin(2 * np.pi * np.cumsum(pitch) / RATE) / 2


def band(low: float, high: float) -> Sound:
    spectrum = np.fft.rfft(np.random.default_rng(3).standard_normal(len(TIME)))
    hz = np.fft.rfftfreq(len(TIME), 1 / RATE)
    return 5 * np.fft.irfft(spectrum * ((hz > low) & (hz < high)))


OTHERS: dict[str, list[Sound]] = {
    "octaves of a tone": [tone(hz) for hz in (55, 110, 220, 440, 880, 1_760)],
    "octaves of a rich tone": [tone(hz, 20) for hz in (55, 110, 220, 440)],
    "fifths": [tone(hz, 6) for hz in (110, 165, 247.5, 330)],
    "tones detuned by cents": [tone(440 * 2 ** (cents / 1200), 6) for cents in (-60, -30, 0, 15, 40)],
    "semitones in the bass": [tone(hz) for hz in (55, 58.27, 61.74, 65.41)],
    "inversions of a chord": [chord(0, 4, 7), chord(4, 7, 12), chord(7, 12, 16), chord(12, 16, 19)],
    "chords": [chord(0, 4, 7), chord(0, 3, 7), chord(0, 4, 7, 10), chord(5, 9, 12)],
    "drones with beats": [tone(110, 6) + tone(110 + beat, 6) for beat in (0.0, 0.3, 0.7, 1.5, 4.0)],
    "pulse trains": [clicks(rate) for rate in (2, 3, 4, 8, 10, 16, 25)],
    "chirps": [chirp(110, 220), chirp(220, 440), chirp(440, 880)],
    "noise bands": [band(100, 200), band(200, 400), band(400, 800), band(1_000, 1_100)],
    "a melody and its octaves": [melody(hz) for hz in (110, 220, 440)],
    "tones above the common band": [tone(hz) for hz in (3_600, 4_500, 5_600)],
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_sounds_do_not_agree(name: str) -> None:
    for one, other in itertools.combinations(map(profiled, OTHERS[name]), 2):
        assert agree(one, other, 0.0, SECONDS, whole=True) is False


@pytest.mark.parametrize("name", OTHERS)
def test_a_sound_agrees_with_its_copies(name: str) -> None:
    import soxr

    for y in OTHERS[name][:3]:
        original = profiled(y)
        hiss = 1e-3 * np.random.default_rng(0).standard_normal(len(y))
        assert agree(
            original, profiled(soxr.resample(0.02 * y, RATE, 44_100), 44_100), 0.0, SECONDS, whole=True
        )
        late = profiled((y + hiss)[RATE // 2 :])
        assert agree(original, late, 0.5, SECONDS - 0.5, whole=True)


@pytest.mark.parametrize("hz", [55, 110, 440])
def test_a_part_agrees_with_the_whole_and_its_octave_does_not(hz: float) -> None:
    whole = profiled(np.concatenate([band(100, 5_000), tone(hz, 8), melody(330)]))
    part = tone(hz, 8)[RATE:]
    assert agree(whole, profiled(part), 7.0, 5.0, whole=False)
    assert agree(profiled(part), whole, -7.0, 5.0, whole=False)
    octave = tone(2 * hz, 8)[RATE:]
    steady = profiled(np.tile(tone(hz, 8), 3))
    assert agree(steady, profiled(octave), 9.0, 5.0, whole=False) is False


def test_low_passed_copies_agree() -> None:
    import soxr

    y = melody(220) + band(100, 7_000)
    narrow = soxr.resample(soxr.resample(y, RATE, 8_000), 8_000, RATE)
    assert agree(profiled(y), profiled(narrow), 0.0, SECONDS, whole=True)


def test_what_the_profiles_do_not_cover_is_not_judged() -> None:
    """Of 204 s, the excerpts are 0 to 30, 58 to 88, 116 to 146 and 174 to 204."""
    whole, part = profiled(np.tile(tone(220), 34)), profiled(tone(440))
    assert agree(whole, part, 10.0, SECONDS, whole=False) is False
    assert agree(whole, part, 60.0, SECONDS, whole=False) is False
    assert agree(whole, part, 40.0, SECONDS, whole=False) is None


def test_long_drones_are_judged_by_the_time_that_both_profiles_cover() -> None:
    low, high, late = (profiled(np.tile(tone(hz), count)) for hz, count in ((110, 34), (220, 34), (110, 33)))
    assert agree(low, high, 0.0, 204.0, whole=True) is False
    assert agree(low, late, 6.0, 198.0, whole=True)
