"""The sound of songs, measured in their samples: crossfades, gaps, loudness, peaks, dither."""

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

from tests.support import RATE, MakeSound, writing
from thresher.catalog.audio import ffmpeg_decoder
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import recording, rendering
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.diff import difference
from thresher.curation.renderings.history import frozen
from thresher.curation.renderings.plan import plan_sha256
from thresher.curation.renderings.render import RenderReport, render
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import AudioError

SERIAL = IngestOptions(executor="serial")


Samples = NDArray[np.float64]


Make = Callable[..., tuple[Samples, RenderReport]]


def noise(seed: int, seconds: float = 4.0, level: float = 0.1, channels: int = 1) -> Samples:
    return np.random.default_rng(seed).normal(scale=level, size=(round(seconds * RATE), channels))


def tone(seconds: float, frequency: float, level: float = 0.5, rate: int = RATE) -> Samples:
    return level * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)[:, np.newaxis]


def decibels(power: Any) -> Any:
    return 10 * np.log10(power)


def loudness(y: Samples) -> float:
    """The integrated loudness, measured by pyloudnorm."""
    return float(pyloudnorm.Meter(RATE).integrated_loudness(y))


def true_peak(y: Samples) -> float:
    """The true peak in dBTP, at 16 times the sample rate."""
    return float(20 * np.log10(np.abs(resample_poly(y, 16, 1, axis=0)).max()))


def test_a_song_contains_the_samples_of_its_clips_between_the_fades(
    seven_clips: Catalog, tmp_path: Path
) -> None:
    save_song(seven_clips, "S", ["epoch:10..13"], {"ordering": "epoch+"})
    report = render(seven_clips, "S", tmp_path / "s.wav")
    plan = tracklist(seven_clips, "S")
    out, rate = soundfile.read(tmp_path / "s.wav", dtype="int16")
    assert rate == RATE
    assert len(out) == report.frames == plan.frames == sum(track.output_frames for track in plan.tracks)
    for track in plan.tracks:
        source, _ = soundfile.read(seven_clips.root / track.path, dtype="int16")
        span = source[track.start_frame : track.end_frame]
        part = out[track.output_start : track.output_start + track.output_frames]
        fade = plan.fade_frames
        np.testing.assert_array_equal(part[fade:-fade], span[fade:-fade])
        assert abs(int(part[0])) <= 1
        assert abs(int(part[-1])) <= 1


def test_rate_channels_and_subtype_follow_the_clips_unless_set(seven_clips: Catalog, tmp_path: Path) -> None:
    save_song(seven_clips, "S", ["epoch:10.."], {"ordering": "epoch+"})
    plan = tracklist(seven_clips, "S")
    assert (plan.sample_rate, plan.channels) == (22_050, 2)
    gains = {track.clip: track.gain for track in plan.tracks}
    assert gains.pop(6) < 1
    assert set(gains.values()) == {1.0}
    report = render(seven_clips, "S", tmp_path / "s.wav")
    out, rate = soundfile.read(tmp_path / "s.wav")
    assert (rate, out.shape) == (22_050, (plan.frames, 2))
    assert np.abs(out).max() <= 1.0
    assert report.subtype == "PCM_24"
    for track in plan.tracks:
        assert track.output_frames == round(track.seconds * 22_050)
    save_song(seven_clips, "S", None, {"sample_rate": 8_000, "channels": 1})
    render(seven_clips, "S", tmp_path / "low.flac")
    info = soundfile.info(tmp_path / "low.flac")
    assert (info.samplerate, info.channels, info.format) == (8_000, 1, "FLAC")


def test_clips_of_six_channels_and_with_cancelling_channels_are_audible(
    sound: MakeSound, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    mono = sound(5)[:, 0]
    soundfile.write(clips / "run_epoch_1_0.wav", np.column_stack([mono, -mono]), RATE)
    soundfile.write(
        clips / "run_epoch_2_0.wav", np.column_stack([mono * (i + 1) / 6 for i in range(6)]), RATE
    )
    with Catalog.create(tmp_path) as catalog:
        ingest(catalog, [clips], SERIAL)
        save_song(catalog, "S", ["epoch:1.."], {"ordering": "epoch+", "channels": 1})
        plan = tracklist(catalog, "S")
        render(catalog, "S", tmp_path / "s.wav")
    out, _ = soundfile.read(tmp_path / "s.wav")
    for track in plan.tracks:
        part = out[track.output_start : track.output_start + track.output_frames]
        assert np.sqrt(np.mean(part**2)) > 0.05


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ({}, [0, 4, 8]),
        ({"crossfade": 0.5}, [0, 3.5, 7]),
        ({"crossfade": 30}, [0, 2, 4]),  # half of a clip at most
        ({"gap": 0.25}, [0, 4.25, 8.5]),
    ],
)
def test_clips_start_where_the_tracklist_says(
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


def test_the_power_of_different_noises_is_constant_in_a_crossfade(made: Make) -> None:
    y, _ = made([noise(seed, 6, 0.1) for seed in range(4)], {"crossfade": 2.0})
    # blocks of 0.25 s everywhere but at the song's own ends: noise of 4,000 samples varies by 0.1 dB
    blocks = (y[4_000 : len(y) // 4_000 * 4_000 - 4_000] ** 2).reshape(-1, 4_000).mean(axis=1)
    assert np.abs(decibels(blocks) - decibels(0.01)).max() < 0.5


@pytest.mark.parametrize(
    "settings", [{}, {"crossfade": 0.3}, {"gap": 0.2}, {"fade": 0.02}, {"crossfade": 0.01}]
)
def test_no_transition_is_steeper_than_its_signals_and_fades(made: Make, settings: dict[str, Any]) -> None:
    """Tones that start and end at their peaks, so that hard cuts would click."""
    at = np.arange(4 * RATE) / RATE
    sounds = [0.5 * np.cos(2 * np.pi * (220 + 30 * n) * at)[:, np.newaxis] for n in range(4)]
    y, _ = made(sounds, settings)
    own = max(np.abs(np.diff(sound, axis=0)).max() for sound in sounds)
    both = 2**0.5 if settings.get("crossfade") else 1  # in a crossfade both tones move …
    fade = settings.get("crossfade") or settings.get("fade", 0.005)
    steepest = 0.5 * both * np.pi / 2 / (fade * RATE)  # … and so do the gains, by so much a frame
    assert np.abs(np.diff(y, axis=0, prepend=0, append=0)).max() <= own * both + steepest < 0.12


def test_a_crossfade_next_to_a_very_short_clip_does_not_click(made: Make) -> None:
    at = np.arange(4 * RATE) / RATE
    steady = 0.5 * np.cos(2 * np.pi * 220 * at)[:, np.newaxis]
    y, _ = made([steady, noise(1, 0.0005, 0.3), 0.9 * steady], {"crossfade": 2.0})
    assert np.abs(y[len(steady) - 2]).max() < 0.01


def test_a_limit_of_length_takes_overlaps_and_gaps_into_account(made: Make, catalog: Catalog) -> None:
    made([noise(seed) for seed in range(4)], {"crossfade": 1.0, "length": 10.0})
    assert [track.output_start / RATE for track in tracklist(catalog, "Bone").tracks] == [0, 3, 6]
    save_song(catalog, "Bone", None, {"crossfade": 0.0, "gap": 1.0, "length": 13.9})
    assert len(tracklist(catalog, "Bone").tracks) == 2
    save_song(catalog, "Bone", None, {"length": 14.0})
    assert len(tracklist(catalog, "Bone").tracks) == 3


@pytest.mark.parametrize("lufs", [-30.0, -23.0, -14.0])
@pytest.mark.parametrize("channels", [None, 1, 2])
def test_every_clip_has_the_loudness_of_the_setting(made: Make, lufs: float, channels: int | None) -> None:
    stereo = np.hstack([noise(4, 4, 0.02), noise(5, 4, 0.2)])
    sounds = [noise(0, 4, 0.3), noise(1, 4, 0.003), tone(4, 440, 0.05), stereo, stereo[:, [0, 0]]]
    y, report = made(sounds, {"lufs": lufs, "channels": channels})
    assert report.channels == (channels or 2)
    for number in range(len(sounds)):
        assert loudness(y[number * 64_000 : (number + 1) * 64_000]) == pytest.approx(lufs, abs=0.5)
    assert true_peak(y) <= -1
    assert report.loudness == pytest.approx(lufs, abs=0.5)


def test_peaks_are_limited_and_reported(made: Make) -> None:
    """Clicks in soft noise; at -14 LUFS they would be far above full scale."""
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


def test_overlapping_clips_at_full_scale_do_not_clip(made: Make) -> None:
    y, report = made([tone(4, 250, 1.0), tone(5, 250, 1.0)], {"crossfade": 1.0})
    assert np.abs(y).max() <= 1
    assert report.limited is not None
    assert report.limited.most == pytest.approx(20 * np.log10(1 / 2**0.5), abs=0.1)
    assert set(report.limited.clips) == {1, 2}
    # away from the crossfade nothing is touched
    np.testing.assert_array_equal(y[1_000:40_000, 0], tone(4, 250, 1.0)[1_000:40_000, 0].astype(np.float32))


def test_overshoots_of_resampling_do_not_clip(made: Make) -> None:
    square = np.sign(tone(4, 100, 1.0, 22_050))
    y, report = made([square, noise(1)], {"sample_rate": 16_000}, rates=[22_050, RATE])
    assert np.abs(y).max() <= 1
    assert report.limited is not None
    assert 1 in report.limited.clips
    assert report.loudness is None


def test_a_rendering_without_stored_settings_is_reproduced_without_a_limiter(
    made: Make, catalog: Catalog, tmp_path: Path
) -> None:
    """Programs that did not store settings had no limiter, and clipped overshoots."""
    square = np.sign(tone(4, 100, 1.0, 22_050))
    made([square], {"sample_rate": 16_000, "subtype": "PCM_16"}, rates=[22_050])
    with writing(catalog) as connection:
        connection.execute(update(rendering).values(settings="{}"))
    plan, then = frozen(catalog, "Bone", 1)
    assert not plan.is_limited
    assert plan_sha256(plan, then.container, then.subtype) != then.plan_sha256
    again = render(catalog, "Bone", tmp_path / "again.wav", rendering=1)
    assert (again.limited, again.same_bytes) == (None, False)


def test_clips_end_to_end_are_not_limited(made: Make) -> None:
    y, report = made([tone(4, 220, 1.0), noise(1, 4, 0.9).clip(-1, 1)], {})
    assert report.limited is None
    assert np.abs(y).max() == 1


def test_a_clip_too_short_for_a_loudness_keeps_its_level(made: Make, catalog: Catalog) -> None:
    short = tone(0.3, 440, 0.25)
    made([noise(0), short], {"lufs": -20.0})
    assert tracklist(catalog, "Bone").tracks[1].gain == 1


def test_a_clip_with_a_name_that_is_not_utf8_has_the_loudness_of_the_setting(
    catalog: Catalog, tmp_path: Path
) -> None:
    """Its file has to be read, because its two channels are mixed to one."""
    sides = np.hstack([noise(4, 4, 0.02), noise(5, 4, 0.2)])
    soundfile.write(tmp_path / "odd.wav", sides, RATE, "FLOAT")
    os.rename(tmp_path / "odd.wav", os.fsencode(tmp_path) + b"/od\xffd\n.wav")
    ingest(catalog, [tmp_path], SERIAL)
    save_song(catalog, "Odd", [], {"lufs": -20.0, "channels": 1, "subtype": "FLOAT"})
    render(catalog, "Odd", tmp_path / "out.wav")
    assert loudness(soundfile.read(tmp_path / "out.wav", always_2d=True)[0]) == pytest.approx(-20, abs=0.2)


def test_a_clip_with_cancelling_channels_has_the_loudness_of_the_setting(made: Make) -> None:
    side = noise(0)
    y, _ = made([np.hstack([side, -side])], {"lufs": -20.0, "channels": 1})
    assert loudness(y) == pytest.approx(-20, abs=0.2)


def test_a_lower_ceiling_alone_makes_another_rendering(made: Make, catalog: Catalog, tmp_path: Path) -> None:
    """A clip too short for a loudness keeps its gain, but its peaks are limited."""
    made([tone(0.3, 441, 1.0)], {"lufs": None})
    save_song(catalog, "Bone", None, {"lufs": -20.0})
    report = render(catalog, "Bone", tmp_path / "held.wav")
    assert (report.number, report.same_bytes) == (2, None)
    assert report.limited is not None


def test_dither_changes_samples_by_one_step_and_is_reproducible(
    made: Make, catalog: Catalog, tmp_path: Path
) -> None:
    plain, _ = made([noise(0)], {"subtype": "PCM_16"}, subtype="PCM_16")
    save_song(catalog, "Bone", None, {"dither": True})
    first = render(catalog, "Bone", tmp_path / "dithered.wav")
    again = render(catalog, "Bone", tmp_path / "again.wav")
    assert (first.number, again.same_bytes, again.sha256) == (2, True, first.sha256)
    difference = (soundfile.read(tmp_path / "dithered.wav", always_2d=True)[0] - plain) * 32768
    assert np.abs(difference).max() == 1
    assert 0.2 < difference.std() < 0.7


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
def test_a_changed_sound_makes_another_rendering_and_the_first_is_reproducible(
    made: Make, catalog: Catalog, tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    _, first = made([noise(0, 4, 0.3), noise(1, 4, 0.2)], {})
    save_song(catalog, "Bone", None, settings)
    assert sentence in difference(catalog, "Bone", 1).settings
    second = render(catalog, "Bone", tmp_path / "second.wav")
    assert second.number == (1 if "dither" in settings else 2)  # floats are not dithered
    again = render(catalog, "Bone", tmp_path / "again.wav", rendering=1)
    assert (again.same_bytes, again.sha256) == (True, first.sha256)


def test_clips_too_long_to_prepare_are_streamed_to_the_same_bytes(
    made: Make, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, report = made(
        [noise(n, 4, 0.4) for n in range(3)], {"crossfade": 1.0, "lufs": -12.0, "subtype": "PCM_16"}
    )
    monkeypatch.setattr("thresher.curation.renderings.mixdown.AHEAD_FRAMES", 1_000)
    streamed = render(catalog, "Bone", tmp_path / "streamed.wav")
    assert (streamed.sha256, streamed.limited) == (report.sha256, report.limited)


def test_clips_of_different_formats_are_streamed_to_the_same_bytes(
    seven_clips: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_song(seven_clips, "S", ["epoch:10.."])
    ahead = render(seven_clips, "S", tmp_path / "a.wav")
    monkeypatch.setattr("thresher.curation.renderings.mixdown.AHEAD_FRAMES", 1_000)
    streamed = render(seven_clips, "S", tmp_path / "b.wav")
    assert streamed.sha256 == ahead.sha256


def test_the_error_of_a_decoder_names_the_clip(
    made: Make, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, report = made([noise(1)], {})
    with writing(catalog) as connection:
        connection.execute(update(recording).values(decoder="ffmpeg"))
    monkeypatch.setattr(ffmpeg_decoder, "find_ffmpeg", lambda: None)
    with pytest.raises(AudioError, match=r"clip 1 \(.*\.wav\): only ffmpeg can decode this"):
        render(catalog, report.song, tmp_path / "again.wav")
