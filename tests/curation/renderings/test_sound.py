"""How songs sound: crossfades, gaps, loudness, form; what is promised of the samples is measured in them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly
from sqlalchemy import update

from tests.support import RATE
from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import rendering
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.diff import difference
from thresher.curation.renderings.history import frozen
from thresher.curation.renderings.plan import plan_sha256
from thresher.curation.renderings.render import RenderReport, render
from thresher.curation.renderings.verify import verify_song
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import UsageError

SERIAL = IngestOptions(executor="serial")

Samples = NDArray[np.float64]
Make = Callable[..., tuple[Samples, RenderReport]]


def noise(seed: int, seconds: float = 4.0, level: float = 0.1, channels: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(scale=level, size=(round(seconds * RATE), channels))


def tone(seconds: float, frequency: float, level: float = 0.5, rate: int = RATE) -> Samples:
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)[:, np.newaxis]


@pytest.fixture
def made(catalog: Catalog, tmp_path: Path) -> Make:
    """Ingest sounds, make a song of them with settings, render it: its samples, and the report."""
    (tmp_path / "clips").mkdir()

    def make(
        sounds: list[Samples],
        settings: dict[str, Any],
        *,
        rates: list[int] | None = None,
        subtype: str = "FLOAT",
    ) -> tuple[Samples, RenderReport]:
        for number, (y, rate) in enumerate(zip(sounds, rates or [RATE] * len(sounds), strict=True)):
            soundfile.write(tmp_path / "clips" / f"run_epoch_{number}_0.wav", y, rate, subtype)
        ingest(catalog, [tmp_path / "clips"], SERIAL)
        save_song(catalog, "Bone", [], {"ordering": "epoch+", "subtype": "FLOAT", **settings})
        report = render(catalog, "Bone", tmp_path / "bone.wav")
        y, _ = soundfile.read(tmp_path / "bone.wav", always_2d=True)
        assert len(y) == report.frames == tracklist(catalog, "Bone").frames
        assert verify_song(catalog, "Bone").is_sound
        return y, report

    return make


def decibels(power: Any) -> Any:
    return 10 * np.log10(power)


def loudness(y: Samples) -> float:
    """By an independent meter."""
    return float(pyloudnorm.Meter(RATE).integrated_loudness(y))


def true_peak(y: Samples) -> float:
    """In dBTP, by 16 times the rate."""
    return float(20 * np.log10(np.abs(resample_poly(y, 16, 1, axis=0)).max()))


# -- the timeline ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ({}, [0, 4, 8]),
        ({"crossfade": 0.5}, [0, 3.5, 7]),
        ({"crossfade": 30}, [0, 2, 4]),  # half of a clip at most
        ({"gap": 0.25}, [0, 4.25, 8.5]),
    ],
)
def test_clips_lie_where_the_tracklist_says(
    made: Make, catalog: Catalog, settings: dict[str, Any], starts: list[float]
) -> None:
    y, _ = made([noise(seed) for seed in range(3)], settings)
    plan = tracklist(catalog, "Bone")
    assert [track.output_start / RATE for track in plan.tracks] == starts
    assert len(y) == round((starts[-1] + 4) * RATE)


def test_gaps_are_silent(made: Make) -> None:
    y, _ = made([noise(seed) for seed in range(3)], {"gap": 0.25, "fade": 0.0})
    silent = np.flatnonzero(np.all(y == 0, axis=1))
    expected = [*range(64_000, 68_000), *range(132_000, 136_000)]
    assert silent.tolist() == expected


def test_the_power_of_unrelated_noises_is_constant_through_a_crossfade(made: Make) -> None:
    y, _ = made([noise(seed, 6, 0.1) for seed in range(4)], {"crossfade": 2.0})
    # blocks of 0.25 s everywhere but at the song's own ends: noise of 4,000 samples varies by 0.1 dB
    blocks = (y[4_000 : len(y) // 4_000 * 4_000 - 4_000] ** 2).reshape(-1, 4_000).mean(axis=1)
    assert np.abs(decibels(blocks) - decibels(0.01)).max() < 0.5


@pytest.mark.parametrize(
    "settings", [{}, {"crossfade": 0.3}, {"gap": 0.2}, {"fade": 0.02}, {"crossfade": 0.01}]
)
def test_no_transition_jumps_more_than_the_signal_does(made: Make, settings: dict[str, Any]) -> None:
    """Tones that end and begin at their highest, which hard cuts would make click."""
    at = np.arange(4 * RATE) / RATE
    sounds = [0.5 * np.cos(2 * np.pi * (220 + 30 * n) * at)[:, np.newaxis] for n in range(4)]
    y, _ = made(sounds, settings)
    own = max(np.abs(np.diff(sound, axis=0)).max() for sound in sounds)
    both = 2**0.5 if settings.get("crossfade") else 1  # in a crossfade both tones move …
    fade = settings.get("crossfade") or settings.get("fade", 0.005)
    steepest = 0.5 * both * np.pi / 2 / (fade * RATE)  # … and so do the gains, by so much a frame
    assert np.abs(np.diff(y, axis=0, prepend=0, append=0)).max() <= own * both + steepest < 0.12


def test_a_crossfade_beside_a_clip_of_a_few_frames_does_not_click(made: Make) -> None:
    at = np.arange(4 * RATE) / RATE
    steady = 0.5 * np.cos(2 * np.pi * 220 * at)[:, np.newaxis]
    y, _ = made([steady, noise(1, 0.0005, 0.3), 0.9 * steady], {"crossfade": 2.0})
    assert np.abs(y[len(steady) - 2]).max() < 0.01


def test_a_limit_of_length_counts_what_overlaps(made: Make, catalog: Catalog) -> None:
    made([noise(seed) for seed in range(4)], {"crossfade": 1.0, "length": 10.0})
    assert [track.output_start / RATE for track in tracklist(catalog, "Bone").tracks] == [0, 3, 6]
    save_song(catalog, "Bone", None, {"crossfade": 0.0, "gap": 1.0, "length": 13.9})
    assert len(tracklist(catalog, "Bone").tracks) == 2
    save_song(catalog, "Bone", None, {"length": 14.0})
    assert len(tracklist(catalog, "Bone").tracks) == 3


# -- loudness and peaks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lufs", [-30.0, -23.0, -14.0])
@pytest.mark.parametrize("channels", [None, 1, 2])
def test_every_clip_has_the_loudness_asked_for(made: Make, lufs: float, channels: int | None) -> None:
    stereo = np.hstack([noise(4, 4, 0.02), noise(5, 4, 0.2)])
    sounds = [noise(0, 4, 0.3), noise(1, 4, 0.003), tone(4, 440, 0.05), stereo, stereo[:, [0, 0]]]
    y, report = made(sounds, {"lufs": lufs, "channels": channels})
    assert report.channels == (channels or 2)
    for number in range(len(sounds)):
        assert loudness(y[number * 64_000 : (number + 1) * 64_000]) == pytest.approx(lufs, abs=0.5)
    assert true_peak(y) <= -1
    assert report.loudness == pytest.approx(lufs, abs=0.5)


def test_peaks_are_held_and_told(made: Make) -> None:
    """Clicks in soft noise: brought to -14 LUFS they are far over full scale."""
    clicks = noise(1, 4, 0.01)
    clicks[8_000::16_000] = 0.8
    y, report = made([noise(0, 4, 0.05), clicks], {"lufs": -14.0})
    assert true_peak(y) <= -1
    assert report.limited is not None
    assert set(report.limited.clips) == {2}
    assert 4 < report.limited.at < 8
    assert report.limited.most == min(report.limited.clips.values()) < -6
    assert 0 < report.limited.seconds < 0.5
    assert report.loudness == pytest.approx(loudness(y), abs=0.1)


def test_what_overlaps_at_full_scale_does_not_clip(made: Make) -> None:
    y, report = made([tone(4, 250, 1.0), tone(5, 250, 1.0)], {"crossfade": 1.0})
    assert np.abs(y).max() <= 1
    assert report.limited is not None
    assert report.limited.most == pytest.approx(20 * np.log10(1 / 2**0.5), abs=0.1)
    assert set(report.limited.clips) == {1, 2}
    # away from the crossfade nothing is touched
    np.testing.assert_array_equal(y[1_000:40_000, 0], tone(4, 250, 1.0)[1_000:40_000, 0].astype(np.float32))


def test_what_resampling_overshoots_does_not_clip(made: Make) -> None:
    square = np.sign(tone(4, 100, 1.0, 22_050))
    y, report = made([square, noise(1)], {"sample_rate": 16_000}, rates=[22_050, RATE])
    assert np.abs(y).max() <= 1
    assert report.limited is not None
    assert 1 in report.limited.clips
    assert report.loudness is None


def test_a_rendering_from_before_there_was_a_limiter_is_made_without_one(
    made: Make, catalog: Catalog, tmp_path: Path
) -> None:
    """Its settings were not kept, and what overshot was cut off."""
    square = np.sign(tone(4, 100, 1.0, 22_050))
    made([square], {"sample_rate": 16_000, "subtype": "PCM_16"}, rates=[22_050])
    with catalog.writing() as connection:
        connection.execute(update(rendering).values(settings="{}"))
    plan, then = frozen(catalog, "Bone", 1)
    assert not plan.is_limited
    assert plan_sha256(plan, then.container, then.subtype) != then.plan_sha256
    again = render(catalog, "Bone", tmp_path / "again.wav", rendering=1)
    assert (again.limited, again.same_bytes) == (None, False)


def test_clips_as_they_are_are_never_limited(made: Make) -> None:
    y, report = made([tone(4, 220, 1.0), noise(1, 4, 0.9).clip(-1, 1)], {})
    assert report.limited is None
    assert np.abs(y).max() == 1


def test_a_clip_without_a_loudness_keeps_its_level(made: Make, catalog: Catalog) -> None:
    short = tone(0.3, 440, 0.25)
    made([noise(0), short], {"lufs": -20.0})
    assert tracklist(catalog, "Bone").tracks[1].gain == 1


# -- the form ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subtype", "suffix", "expected"),
    [
        ("PCM_16", ".wav", "PCM_16"),
        ("PCM_24", ".wav", "PCM_24"),
        ("FLOAT", ".wav", "FLOAT"),
        ("PCM_24", ".flac", "PCM_24"),
        ("PCM_24", ".ogg", "VORBIS"),
        (None, ".wav", "PCM_24"),
        (None, ".flac", "PCM_24"),
    ],
)
def test_the_subtype_is_the_song_s_where_there_is_a_choice(
    made: Make, catalog: Catalog, tmp_path: Path, subtype: str | None, suffix: str, expected: str
) -> None:
    made([noise(0)], {"subtype": subtype})
    report = render(catalog, "Bone", tmp_path / f"form{suffix}")
    assert report.subtype == soundfile.info(tmp_path / f"form{suffix}").subtype == expected


def test_what_a_format_can_not_hold_is_refused(made: Make, catalog: Catalog, tmp_path: Path) -> None:
    made([noise(0)], {"subtype": "FLOAT"})
    with pytest.raises(UsageError, match="FLAC can't hold FLOAT"):
        render(catalog, "Bone", tmp_path / "bone.flac")


def test_dither_is_a_step_of_16_bits_and_comes_again(made: Make, catalog: Catalog, tmp_path: Path) -> None:
    plain, _ = made([noise(0)], {"subtype": "PCM_16"}, subtype="PCM_16")
    save_song(catalog, "Bone", None, {"dither": True})
    first = render(catalog, "Bone", tmp_path / "dithered.wav")
    again = render(catalog, "Bone", tmp_path / "again.wav")
    assert (first.number, again.same_bytes, again.sha256) == (2, True, first.sha256)
    difference = (soundfile.read(tmp_path / "dithered.wav", always_2d=True)[0] - plain) * 32768
    assert np.abs(difference).max() == 1
    assert 0.2 < difference.std() < 0.7


# -- kept, compared, refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crossfade": 1.0, "gap": 1.0}, "can't overlap by 1 s and have 1 s of silence"),
        ({"crossfade": -1.0}, "--crossfade -1 s is out of range \\(expected 0 to 60\\)"),
        ({"gap": 61.0}, "a gap of 61 s"),
        ({"fade": -0.1}, "a fade of -0.1 s"),
        ({"lufs": 3.0}, "--lufs 3 is out of range \\(expected -70 to 0\\)"),
        ({"subtype": "PCM_8"}, '"PCM_8" is not one of PCM_16, PCM_24, FLOAT'),
    ],
)
def test_what_can_not_be_is_refused(
    made: Make, catalog: Catalog, settings: dict[str, Any], message: str
) -> None:
    made([noise(0)], {})
    with pytest.raises(UsageError, match=message):
        save_song(catalog, "Bone", None, settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"crossfade": 0.5}, "the crossfade was 0 s and is 0.5 s"),
        ({"gap": 0.5}, "the gap was 0 s and is 0.5 s"),
        ({"lufs": -20.0}, "the loudness was that of each clip and is -20 LUFS"),
        ({"subtype": "PCM_24"}, "the subtype was FLOAT and is PCM_24"),
        ({"dither": True}, "the dither was off and is on"),
        ({"fade": 0.1}, "the fade changed"),
    ],
)
def test_another_sound_is_another_rendering_and_the_first_comes_again(
    made: Make, catalog: Catalog, tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    _, first = made([noise(0, 4, 0.3), noise(1, 4, 0.2)], {})
    save_song(catalog, "Bone", None, settings)
    assert sentence in difference(catalog, "Bone", 1).settings
    second = render(catalog, "Bone", tmp_path / "second.wav")
    assert second.number == (1 if "dither" in settings else 2)  # floats are not dithered
    again = render(catalog, "Bone", tmp_path / "again.wav", rendering=1)
    assert (again.same_bytes, again.sha256) == (True, first.sha256)


def test_long_clips_are_streamed_to_the_same_bytes(
    made: Make, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, report = made(
        [noise(n, 4, 0.4) for n in range(3)], {"crossfade": 1.0, "lufs": -12.0, "subtype": "PCM_16"}
    )
    monkeypatch.setattr("thresher.curation.renderings.mixdown.AHEAD_FRAMES", 1_000)
    streamed = render(catalog, "Bone", tmp_path / "streamed.wav")
    assert (streamed.sha256, streamed.limited) == (report.sha256, report.limited)


def test_a_clip_whose_name_is_no_text_is_as_loud_as_the_others(catalog: Catalog, tmp_path: Path) -> None:
    """It has to be read to know how loud its two sides are as one."""
    sides = np.hstack([noise(4, 4, 0.02), noise(5, 4, 0.2)])
    soundfile.write(tmp_path / "odd.wav", sides, RATE, "FLOAT")
    os.rename(tmp_path / "odd.wav", os.fsencode(tmp_path) + b"/od\xffd\n.wav")
    ingest(catalog, [tmp_path], SERIAL)
    save_song(catalog, "Odd", [], {"lufs": -20.0, "channels": 1, "subtype": "FLOAT"})
    render(catalog, "Odd", tmp_path / "out.wav")
    assert loudness(soundfile.read(tmp_path / "out.wav", always_2d=True)[0]) == pytest.approx(-20, abs=0.2)


def test_of_sides_that_cancel_the_loudest_is_as_loud_as_asked_for(made: Make) -> None:
    side = noise(0)
    y, _ = made([np.hstack([side, -side])], {"lufs": -20.0, "channels": 1})
    assert loudness(y) == pytest.approx(-20, abs=0.2)


def test_a_ceiling_alone_makes_another_rendering(made: Make, catalog: Catalog, tmp_path: Path) -> None:
    """A clip too short for a loudness keeps its gain, but not its peaks."""
    made([tone(0.3, 441, 1.0)], {"lufs": None})
    save_song(catalog, "Bone", None, {"lufs": -20.0})
    report = render(catalog, "Bone", tmp_path / "held.wav")
    assert (report.number, report.same_bytes) == (2, None)
    assert report.limited is not None
