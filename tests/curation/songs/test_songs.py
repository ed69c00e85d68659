"""Songs from query to file: orderings against the rule, no clip lost, bytes that come again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import func, select

from tests.support import CORPUS, RATE, MakeCatalog, copy_folder
from thresher.catalog import decisions
from thresher.catalog.catalog import Catalog
from thresher.catalog.files import sha256_file
from thresher.catalog.schema import clip, rendering, rendering_clip, song
from thresher.curation.clips import decisions as judging
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.diff import since_rendering
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import delete_song, rename_song, save_song, songs
from thresher.curation.songs.tracklist import compare, tracklist
from thresher.errors import CatalogError, NotFoundError, QueryError, UsageError

SERIAL = IngestOptions(executor="serial")
NEURAL = CORPUS / "neural"


def tones(seed: int, seconds: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    time_axis = np.arange(round(seconds * rate)) / rate
    pitch = 200 * 2 ** generator.integers(0, 24, size=round(seconds * 4)) ** (1 / 12)
    signal_ = 0.4 * np.sin(2 * np.pi * np.cumsum(np.repeat(pitch, rate)[: len(time_axis)]) / rate)
    signal_ = (
        signal_[: len(time_axis)] if len(signal_) >= len(time_axis) else np.resize(signal_, len(time_axis))
    )
    columns = [signal_ + 0.02 * generator.normal(size=len(time_axis)) for _ in range(channels)]
    return np.column_stack(columns).astype(np.float32)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog) -> Path:
    """Four plain clips, one at 22.05 kHz in stereo, one float above full scale, one too short."""
    home = tmp_path_factory.mktemp("template")
    clips = home / "clips"
    clips.mkdir()
    for index in range(4):
        soundfile.write(clips / f"run_epoch_{index + 10}_0.wav", tones(index, 4.0 + index / 3), RATE)
    soundfile.write(clips / "run_epoch_20_0.wav", tones(20, 3.5, 22_050, 2), 22_050, "PCM_24")
    soundfile.write(clips / "run_epoch_21_0.wav", 4 * tones(21, 3.5), RATE, "FLOAT")
    soundfile.write(clips / "run_epoch_22_0.wav", tones(22, 1.0), RATE)
    with new_catalog(home) as made:
        ingest(made, [clips], SERIAL)
    return home


@pytest.fixture
def folder(tmp_path: Path, template: Path) -> Path:
    """The folder of the clips, in the test's copy of the template."""
    copy_folder(template, tmp_path)
    return tmp_path / "clips"


@pytest.fixture
def catalog(folder: Path) -> Iterator[Catalog]:
    with Catalog.open(folder.parent / "catalog.toml") as made:
        yield made


def clips_of(catalog: Catalog, name: str) -> list[int]:
    return [track.clip for track in tracklist(catalog, name).tracks]


# -- chains ------------------------------------------------------------------------------------------------


def transition_sum(catalog: Catalog, name: str) -> float:
    return sum(tracklist(catalog, name).transitions)


@pytest.mark.parametrize("metric", ["prefix", "aligned", "likeness"])
def test_a_chain_has_the_best_transitions_and_loses_no_clip(catalog: Catalog, metric: str) -> None:
    sums = {}
    for order in ("chain", "pairs", "epoch+", "shuffle:3"):
        save_song(catalog, order, ["epoch:10.."], {"ordering": order, "metric": metric})
        assert sorted(clips_of(catalog, order)) == [1, 2, 3, 4, 5, 6, 7]
        sums[order] = transition_sum(catalog, order)
    assert max(sums.values()) == sums["chain"]


def test_a_chain_begins_and_ends_where_it_is_asked_to(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "chain:4..2", "metric": "likeness"})
    clips = clips_of(catalog, "S")
    assert (clips[0], clips[-1]) == (4, 2)
    render(catalog, "S", tmp_path / "s.wav")
    judging.reject(catalog, ["4"])
    assert clips_of(catalog, "S")[-1] == 2
    for ordering, words in (
        ("chain:4..", "clip 4 is not in song"),
        ("chain:2..2", "both the start and the end"),
    ):
        with pytest.raises(UsageError, match=words):
            save_song(catalog, "S", None, {"ordering": ordering})


def test_orderings_side_by_side(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+"})
    before = songs(catalog), judging.history(catalog)
    plans = compare(catalog, "S", ["chain", "pairs", "epoch+"], "likeness")
    assert (songs(catalog), judging.history(catalog)) == before
    assert [str(plan.song.settings.ordering) for plan in plans] == ["chain", "pairs", "epoch+"]
    assert {plan.song.settings.metric for plan in plans} == {"likeness"}
    assert sum(plans[0].transitions) >= max(sum(plan.transitions) for plan in plans)
    assert plans[2].tracks[0].clip == tracklist(catalog, "S").tracks[0].clip
    with pytest.raises(UsageError, match="is not an ordering"):
        compare(catalog, "S", ["sorted"])


# -- songs that can't be read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "changes"),
    [
        (["song:A"], {}),
        (["song:B"], {}),
        (None, {"ordering": "ecore-"}),
        (None, {"ordering": "score@foo-"}),
        (["epoch:10..."], {}),
    ],
)
def test_what_cannot_be_laid_out_is_not_saved(
    catalog: Catalog, terms: list[str] | None, changes: dict[str, object]
) -> None:
    save_song(catalog, "A", ["epoch:10.."])
    save_song(catalog, "B", ["song:A"])
    before = songs(catalog), judging.history(catalog)
    with pytest.raises(QueryError):
        save_song(catalog, "A", terms, changes)
    with pytest.raises((QueryError, NotFoundError)):
        save_song(catalog, "C", terms or ["epoch:10.."], changes or {"ordering": "nonsense+"})
    assert (songs(catalog), judging.history(catalog)) == before


def test_a_song_that_others_select_from_stays(catalog: Catalog) -> None:
    save_song(catalog, "A", ["epoch:10.."])
    save_song(catalog, "B", ["song:A"])
    with pytest.raises(UsageError, match='song "B" selects from "A"'):
        delete_song(catalog, "A")
    with pytest.raises(UsageError, match='song "B" selects from "A"'):
        rename_song(catalog, "A", "Z")
    rename_song(catalog, "B", "Y")
    delete_song(catalog, "Y")
    delete_song(catalog, "A")
    assert songs(catalog) == []


def test_a_song_whose_field_was_forgotten_does_not_hide_the_others(catalog: Catalog, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "other.wav", tones(99, 4), RATE)
    ingest(catalog, [tmp_path / "other.wav"], IngestOptions(executor="serial", attributes={"mood": "calm"}))
    save_song(catalog, "A", ["epoch:10.."])
    save_song(catalog, "B", ["mood:calm"])
    forget(catalog, str(tmp_path / "other.wav"))
    first, second = songs(catalog)
    assert (first.clips, first.problem) == (7, None)
    assert second.problem is not None
    assert 'unknown field "mood"' in second.problem


# -- saving ------------------------------------------------------------------------------------------------


def test_a_song_is_live(catalog: Catalog, folder: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    assert sorted(clips_of(catalog, "S")) == [1, 2, 3, 4]
    soundfile.write(folder / "run_epoch_11_1.wav", tones(77, 4), RATE)
    ingest(catalog, [folder], SERIAL)
    assert sorted(clips_of(catalog, "S")) == [1, 2, 3, 4, 8]
    judging.reject(catalog, ["2"])
    assert sorted(clips_of(catalog, "S")) == [1, 3, 4, 8]


def test_saving_again_changes_only_what_is_given(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch-", "length": 60.0})
    edited = save_song(catalog, "S", None, {"clips": 2})
    assert (edited.settings.query, str(edited.settings.ordering)) == ("epoch:10..", "epoch-")
    assert (edited.settings.length, edited.settings.clips) == (60.0, 2)
    judging.undo(catalog)
    assert [row.settings.clips for row in songs(catalog)] == [None]
    judging.undo(catalog)
    assert songs(catalog) == []


def test_deleting_renaming_and_undoing(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."])
    rename_song(catalog, "S", "T")
    save_song(catalog, "S", ["epoch:11.."])
    with pytest.raises(UsageError, match="exists already"):
        rename_song(catalog, "S", "T")
    delete_song(catalog, "T")
    with pytest.raises(NotFoundError, match="song list"):
        tracklist(catalog, "T")
    judging.undo(catalog)
    assert [row.name for row in songs(catalog)] == ["S", "T"]


@pytest.mark.parametrize(
    ("terms", "changes", "error"),
    [
        (["epoch:x"], {}, QueryError),
        (["epoch:1"], {"ordering": "best"}, UsageError),
        (["epoch:1"], {"metric": "ears"}, UsageError),
        (["epoch:1"], {"length": 0.0}, UsageError),
        (["epoch:1"], {"clips": 0}, UsageError),
        (["epoch:1"], {"sample_rate": 10}, UsageError),
        (["epoch:1"], {"channels": 3}, UsageError),
        (None, {"clips": 3}, NotFoundError),
    ],
)
def test_what_makes_no_song_is_not_saved(
    catalog: Catalog, terms: list[str] | None, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        save_song(catalog, "S", terms, changes)
    with catalog.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(song)) == 0
        assert decisions.history(connection) == []


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_a_name_can_be_printed(catalog: Catalog, name: str) -> None:
    with pytest.raises(UsageError):
        save_song(catalog, name, ["epoch:1"])


# -- order -------------------------------------------------------------------------------------------------


def test_field_orderings_and_shuffle(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+"})
    assert clips_of(catalog, "S") == [1, 2, 3, 4, 5, 6, 7]
    save_song(catalog, "S", None, {"ordering": "epoch-"})
    assert clips_of(catalog, "S") == [7, 6, 5, 4, 3, 2, 1]
    save_song(catalog, "S", None, {"ordering": "shuffle:3"})
    once = clips_of(catalog, "S")
    assert once == clips_of(catalog, "S")
    assert sorted(once) == [1, 2, 3, 4, 5, 6, 7]
    save_song(catalog, "S", None, {"ordering": "shuffle:4"})
    assert clips_of(catalog, "S") != once


def scores_of(catalog: Catalog, ids: list[int]) -> dict[tuple[int, int], float]:
    """Scores by the formula, word by word, from the stored fingerprints."""
    with catalog.reading() as connection:
        blobs = dict(row for row in connection.execute(select(clip.c.id, clip.c.fingerprint)))
    words = {
        clip_id: np.frombuffer(blobs[clip_id], "<u4").tolist()
        for clip_id in ids
        if blobs[clip_id] is not None
    }
    scores = {}
    for first, second in combinations(sorted(words), 2):
        length = min(len(words[first]), len(words[second]))
        equal = [
            (32 - (words[first][place] ^ words[second][place]).bit_count()) / 32 for place in range(length)
        ]
        scores[first, second] = float(np.float32(sum(equal) / length))
    return scores


def pairs_by_the_rule(scores: dict[tuple[int, int], float], ids: list[int]) -> list[int]:
    """The script's pairs: best first, each clip once; then who is left over; then who has no score."""
    sequence: list[int] = []
    for first, second in sorted(scores, key=lambda pair: (-scores[pair], pair)):
        if first not in sequence and second not in sequence:
            sequence += [first, second]
    scored = {clip_id for pair in scores for clip_id in pair}
    sequence += sorted(scored - set(sequence))
    return sequence + sorted(set(ids) - set(sequence))


def test_pairs_follow_the_rule(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "pairs", "metric": "prefix"})
    ids = list(range(1, 8))
    assert clips_of(catalog, "S") == pairs_by_the_rule(scores_of(catalog, ids), ids)


@pytest.mark.skipif(not NEURAL.is_dir(), reason="the corpus is not beside this checkout")
def test_pairs_follow_the_rule_on_real_clips(tmp_path: Path) -> None:
    with Catalog.create(tmp_path) as catalog:
        ingest(catalog, [NEURAL / "jazz_samplernn", NEURAL / "mrcqtdiff"], IngestOptions(executor="threads"))
        save_song(catalog, "S", [], {"ordering": "pairs", "metric": "prefix"})
        order = clips_of(catalog, "S")
        ids = sorted(order)
        assert len(ids) > 80
        assert order == pairs_by_the_rule(scores_of(catalog, ids), ids)


def test_reference_and_unusable_clips_are_in_no_song(catalog: Catalog, folder: Path) -> None:
    soundfile.write(folder / "run_epoch_15_0.wav", np.zeros(5 * RATE), RATE)
    (folder / "run_epoch_16_0.wav").write_bytes(b"nothing")
    ingest(catalog, [folder], SERIAL)
    judging.modify(catalog, ["2"], {"role": "reference"})
    save_song(catalog, "S", ["epoch:10.."])
    assert sorted(clips_of(catalog, "S")) == [1, 3, 4, 5, 6, 7]


def test_limits_take_clips_in_order_and_cut_none(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+", "length": 9.0})
    plan = tracklist(catalog, "S")
    lengths = [track.seconds for track in plan.tracks]
    assert len(lengths) == 2
    assert sum(lengths) <= 9.0
    assert plan.left_out == 5
    save_song(catalog, "S", None, {"length": None, "clips": 3})
    assert clips_of(catalog, "S") == [1, 2, 3]


# -- rendering ---------------------------------------------------------------------------------------------


def test_the_song_is_its_clips_end_to_end(catalog: Catalog, tmp_path: Path) -> None:
    """Mono clips of one rate: between the fades, the output holds each clip's own samples."""
    save_song(catalog, "S", ["epoch:10..13"], {"ordering": "epoch+"})
    report = render(catalog, "S", tmp_path / "s.wav")
    plan = tracklist(catalog, "S")
    out, rate = soundfile.read(tmp_path / "s.wav", dtype="int16")
    assert rate == RATE
    assert len(out) == report.frames == plan.frames == sum(track.output_frames for track in plan.tracks)
    for track in plan.tracks:
        source, _ = soundfile.read(catalog.root / track.path, dtype="int16")
        span = source[track.start_frame : track.end_frame]
        place = out[track.output_start : track.output_start + track.output_frames]
        fade = plan.fade_frames
        np.testing.assert_array_equal(place[fade:-fade], span[fade:-fade])
        assert abs(int(place[0])) <= 1
        assert abs(int(place[-1])) <= 1


def test_rates_channels_and_peaks(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+"})
    plan = tracklist(catalog, "S")
    assert (plan.sample_rate, plan.channels) == (22_050, 2)
    gains = {track.clip: track.gain for track in plan.tracks}
    assert gains.pop(6) < 1
    assert set(gains.values()) == {1.0}
    report = render(catalog, "S", tmp_path / "s.wav")
    out, rate = soundfile.read(tmp_path / "s.wav")
    assert (rate, out.shape) == (22_050, (plan.frames, 2))
    assert np.abs(out).max() <= 1.0
    assert report.subtype == "PCM_24"
    for track in plan.tracks:
        assert track.output_frames == round(track.seconds * 22_050)
    save_song(catalog, "S", None, {"sample_rate": 8_000, "channels": 1})
    render(catalog, "S", tmp_path / "low.flac")
    info = soundfile.info(tmp_path / "low.flac")
    assert (info.samplerate, info.channels, info.format) == (8_000, 1, "FLAC")


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_the_same_song_renders_the_same(catalog: Catalog, tmp_path: Path, suffix: str) -> None:
    save_song(catalog, "DOMAINAL SKELETON", ["epoch:10..13"])
    first = render(catalog, "DOMAINAL SKELETON", tmp_path / f"a{suffix}")
    before = (tmp_path / f"a{suffix}").read_bytes()
    time.sleep(1.1)  # a time stamp in the file would show
    second = render(catalog, "DOMAINAL SKELETON", tmp_path / f"a{suffix}")
    assert (first.number, first.is_new, first.same_bytes) == (1, True, None)
    assert (second.number, second.is_new, second.same_bytes) == (1, False, True)
    assert (tmp_path / f"a{suffix}").read_bytes() == before
    heard, _ = soundfile.read(tmp_path / f"a{suffix}")
    assert len(heard) >= first.frames
    with soundfile.SoundFile(tmp_path / f"a{suffix}") as made:
        assert made.title == "DOMAINAL SKELETON"
        assert made.comment == "epoch:10..13"


def test_another_plan_is_another_rendering(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    assert render(catalog, "S", tmp_path / "s.wav").number == 1
    judging.reject(catalog, ["3"])
    assert render(catalog, "S", tmp_path / "s.wav").number == 2
    judging.undo(catalog)
    again = render(catalog, "S", tmp_path / "s.wav")
    assert (again.number, again.same_bytes) == (1, True)
    with catalog.reading() as connection:
        frozen = connection.execute(
            select(rendering_clip).join(rendering).where(rendering.c.number == 1).order_by("position")
        ).all()
    plan = tracklist(catalog, "S")
    assert [(row.clip_id, row.start_frame, row.end_frame, row.output_start) for row in frozen] == [
        (track.clip, track.start_frame, track.end_frame, track.output_start) for track in plan.tracks
    ]
    assert [row.recording_sha256 for row in frozen] == [
        sha256_file(str(catalog.root / track.path)) for track in plan.tracks
    ]


def test_how_today_differs_from_the_last_rendering(catalog: Catalog, folder: Path, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..14"], {"ordering": "epoch+"})
    assert since_rendering(catalog, tracklist(catalog, "S")) is None
    render(catalog, "S", tmp_path / "s.wav")
    same = since_rendering(catalog, tracklist(catalog, "S"))
    assert same is not None
    assert same.is_none
    judging.reject(catalog, ["2"])
    judging.modify(catalog, ["1"], {"epoch": "14"})
    soundfile.write(folder / "run_epoch_12_1.wav", tones(78, 4), RATE)
    ingest(catalog, [folder], SERIAL)
    changed = since_rendering(catalog, tracklist(catalog, "S"))
    assert changed is not None
    assert (changed.new, changed.gone, changed.moved) == ((8,), (2,), (1,))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sample_rate": 8_000}, "the sample rate was 16000 Hz and is 8000 Hz"),
        ({"channels": 2}, "the song was mono and is stereo"),
        ({"fade": 0.5}, "the fade changed"),
    ],
)
def test_settings_that_make_another_rendering_are_a_difference(
    catalog: Catalog, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    render(catalog, "S", tmp_path / "s.wav")
    save_song(catalog, "S", None, changes)
    changed = since_rendering(catalog, tracklist(catalog, "S"))
    assert changed is not None
    assert changed.settings == (sentence,)
    assert not changed.is_none
    assert render(catalog, "S", tmp_path / "s.wav").number == 2


def test_the_worst_transitions_are_told_with_their_places(catalog: Catalog) -> None:
    save_song(catalog, "S", ["epoch:10.."], {"ordering": "epoch+"})
    plan = tracklist(catalog, "S")
    worst = plan.worst
    scores = [transition.score for transition in worst]
    assert scores == sorted(plan.transitions)[:5]
    for transition in worst:
        place = [track.clip for track in plan.tracks].index(transition.after)
        assert plan.tracks[place - 1].clip == transition.before
        assert transition.at == sum(track.output_frames for track in plan.tracks[:place]) / plan.sample_rate


def test_files_moved_elsewhere_render_the_same(catalog: Catalog, folder: Path, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10.."])
    before = render(catalog, "S", tmp_path / "s.wav")
    folder.rename(tmp_path / "elsewhere")
    report = ingest(catalog, [tmp_path / "elsewhere"], SERIAL)
    assert (report.moved, report.added, report.reanalysed) == (7, 0, 0)
    after = render(catalog, "S", tmp_path / "s.wav")
    assert (after.number, after.sha256, after.same_bytes) == (before.number, before.sha256, True)


def test_missing_files_are_listed_and_nothing_is_rendered_unasked(
    catalog: Catalog, folder: Path, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    (folder / "run_epoch_11_0.wav").unlink()
    with pytest.raises(NotFoundError, match=r"run_epoch_11_0\.wav") as caught:
        render(catalog, "S", tmp_path / "s.wav")
    assert "--without-missing" in str(caught.value)
    assert not (tmp_path / "s.wav").exists()
    with pytest.raises(NotFoundError, match=r"run_epoch_11_0\.wav"):
        render(catalog, "S", tmp_path / "s.wav", dry_run=True)
    dry = render(catalog, "S", tmp_path / "s.wav", dry_run=True, without_missing=True)
    done = render(catalog, "S", tmp_path / "s.wav", without_missing=True)
    assert done.missing == dry.missing == ("clips/run_epoch_11_0.wav",)
    assert done.clips == dry.clips == 3
    assert len(soundfile.read(tmp_path / "s.wav")[0]) == done.frames


def test_without_what_is_missing_the_rest_closes_up(catalog: Catalog, folder: Path, tmp_path: Path) -> None:
    """Transitions are those that are heard, and a clip that is not there has no say in rate and channels."""
    save_song(catalog, "S", ["epoch:10..20"], {"ordering": "epoch+"})
    for name in ("run_epoch_10_0.wav", "run_epoch_12_0.wav", "run_epoch_20_0.wav"):
        (folder / name).unlink()
    done = render(catalog, "S", tmp_path / "s.wav", without_missing=True)
    assert (done.clips, done.sample_rate, done.channels) == (2, RATE, 1)
    save_song(catalog, "T", ["2", ",", "4"], {"ordering": "epoch+"})
    with catalog.reading() as connection:
        transitions = connection.scalars(
            select(rendering_clip.c.transition).order_by(rendering_clip.c.position)
        ).all()
    assert tuple(transitions) == tuple(track.transition for track in tracklist(catalog, "T").tracks)
    assert transitions[0] is None
    assert transitions[1] is not None


def test_other_content_at_the_path_is_a_missing_file(catalog: Catalog, folder: Path, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    soundfile.write(folder / "run_epoch_11_0.wav", tones(500, 4.4), RATE)
    with pytest.raises(NotFoundError, match=r"run_epoch_11_0\.wav"):
        render(catalog, "S", tmp_path / "s.wav")


def test_a_copy_elsewhere_stands_in_for_a_missing_file(
    catalog: Catalog, folder: Path, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    before = render(catalog, "S", tmp_path / "s.wav")
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "any.wav").write_bytes((folder / "run_epoch_11_0.wav").read_bytes())
    ingest(catalog, [copies], SERIAL)
    (folder / "run_epoch_11_0.wav").unlink()
    assert render(catalog, "S", tmp_path / "s.wav").sha256 == before.sha256


def test_what_is_not_the_songs_is_not_overwritten(catalog: Catalog, folder: Path, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    precious = tmp_path / "precious.wav"
    precious.write_bytes(b"mine")
    with pytest.raises(UsageError, match="--overwrite"):
        render(catalog, "S", precious)
    with pytest.raises(UsageError, match="clip of the catalog"):
        render(catalog, "S", folder / "run_epoch_11_0.wav", overwrite=True)
    assert precious.read_bytes() == b"mine"
    render(catalog, "S", precious, overwrite=True)
    assert soundfile.info(precious).samplerate == RATE


@pytest.mark.parametrize(
    ("target", "error"), [("s.aiff", UsageError), ("s", UsageError), ("no/s.wav", NotFoundError)]
)
def test_a_target_that_cannot_be(
    catalog: Catalog, tmp_path: Path, target: str, error: type[Exception]
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    with pytest.raises(error):
        render(catalog, "S", tmp_path / target)


def test_an_empty_song_says_so(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:999"])
    with pytest.raises(NotFoundError, match="no clips"):
        render(catalog, "S", tmp_path / "s.wav")


def test_a_dry_run_writes_nothing_and_tells_the_truth(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10.."])
    dry = render(catalog, "S", tmp_path / "s.wav", dry_run=True)
    assert not (tmp_path / "s.wav").exists()
    assert (dry.number, dry.is_new) == (None, True)
    real = render(catalog, "S", tmp_path / "s.wav")
    assert (dry.frames, dry.clips, dry.sample_rate, dry.channels, dry.subtype) == (
        real.frames,
        real.clips,
        real.sample_rate,
        real.channels,
        real.subtype,
    )
    assert render(catalog, "S", tmp_path / "s.wav", dry_run=True).number == 1


def test_a_full_disk_leaves_the_old_output(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    render(catalog, "S", tmp_path / "s.wav")
    before = (tmp_path / "s.wav").read_bytes()

    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(CatalogError, match="No space left"):
        render(catalog, "S", tmp_path / "s.wav")
    assert (tmp_path / "s.wav").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_killed_in_the_middle_the_old_file_stays_and_the_next_render_sweeps(
    catalog: Catalog, tmp_path: Path
) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    render(catalog, "S", tmp_path / "s.wav")
    before = (tmp_path / "s.wav").read_bytes()
    code = (
        "import os, signal, sys\n"
        "from thresher import Catalog\n"
        "from thresher.catalog.encoding import AudioWriter\n"
        "from thresher.curation.renderings.render import render\n"
        "write = AudioWriter.write\n"
        "def once(self, block):\n"
        "    write(self, block)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "AudioWriter.write = once\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    render(catalog, 'S', sys.argv[2])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(catalog.file), str(tmp_path / "s.wav")], capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "s.wav").read_bytes() == before
    assert len(list(tmp_path.glob("s.wav.*.part"))) == 1
    own = tmp_path / f"s.wav.{os.getppid()}.part"  # of a program that runs
    own.touch()
    assert render(catalog, "S", tmp_path / "s.wav").same_bytes is True
    assert list(tmp_path.glob("*.part")) == [own]


def test_two_renders_to_one_file_at_once_leave_it_whole(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    sha256 = render(catalog, "S", tmp_path / "other.wav").sha256
    code = (
        "import sys, time\n"
        "from thresher import Catalog\n"
        "from thresher.catalog.encoding import AudioWriter\n"
        "from thresher.curation.renderings.render import render\n"
        "write = AudioWriter.write\n"
        "def slowly(self, block):\n"
        "    time.sleep(0.1)\n"
        "    write(self, block)\n"
        "AudioWriter.write = slowly\n"
        "with Catalog.open(sys.argv[1]) as catalog:\n"
        "    render(catalog, 'S', sys.argv[2], overwrite=True)\n"
    )
    command = [sys.executable, "-c", code, str(catalog.file), str(tmp_path / "s.wav")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    assert [(each.communicate()[1], each.returncode) for each in both] == [(b"", 0), (b"", 0)]
    assert sha256_file(str(tmp_path / "s.wav")) == sha256
    assert not list(tmp_path.glob("*.part"))


def test_a_name_as_long_as_they_get(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    target = tmp_path / f"{'ä' * 125}.wav"
    assert render(catalog, "S", target).path == str(target)
    assert target.is_file()


def test_a_rendering_may_lie_in_several_places(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "S", ["epoch:10..13"])
    for name in ("a.ogg", "b.ogg", "b.ogg", "a.ogg"):
        assert render(catalog, "S", tmp_path / name).number == 1
    save_song(catalog, "T", ["epoch:10..12"])
    with pytest.raises(UsageError, match='not a rendering of "T"'):
        render(catalog, "T", tmp_path / "b.ogg")


def test_more_than_two_channels_and_channels_that_cancel_are_heard(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    mono = tones(5, 4)[:, 0]
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


def test_a_very_long_song_streams(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clips too long to be prepared ahead are streamed, to the same bytes."""
    save_song(catalog, "S", ["epoch:10.."])
    ahead = render(catalog, "S", tmp_path / "a.wav")
    monkeypatch.setattr("thresher.curation.renderings.mixdown.AHEAD_FRAMES", 1_000)
    streamed = render(catalog, "S", tmp_path / "b.wav")
    assert streamed.sha256 == ahead.sha256
