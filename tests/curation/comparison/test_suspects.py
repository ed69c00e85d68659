"""New clips similar to rejected ones are flagged with the reason, and stay in the catalog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import Connection, delete, update

from tests.support import RATE, MakeCatalog, MakeSound, writing
from thresher import (
    Catalog,
    IngestOptions,
    history,
    ingest,
    list_clips,
    rate,
    reject,
    show_clip,
    trust,
    undo,
    unreject,
)
from thresher.catalog.database.schema import clip, location, recording, score_row
from thresher.catalog.scores import scores, suspicion
from thresher.curation.comparison import suspects as suspects_module
from thresher.curation.comparison.score import score_all
from thresher.curation.comparison.suspects import examine
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.report import IngestReport
from thresher.errors import NotFoundError

SERIAL = IngestOptions(executor="serial")


@pytest.fixture
def catalog(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog that keeps all scores."""
    with new_catalog(tmp_path) as made:
        yield made


def take(catalog: Catalog, **sounds: np.ndarray) -> IngestReport:
    for name, y in sounds.items():
        soundfile.write(catalog.root / f"{name}.wav", y, RATE)
    return ingest(catalog, [catalog.root], SERIAL)


def suspects(catalog: Catalog) -> list[int]:
    return [row.id for row in list_clips(catalog, "suspect:yes")]


def test_a_copy_of_a_rejected_clip_arrives_suspect(catalog: Catalog, sound: MakeSound) -> None:
    """At another gain, from another frame on, re-quantised; another sound does not."""
    take(catalog, a=sound(1, 6.0), b=sound(2, 6.0))
    reject(catalog, "1")
    report = take(catalog, c=0.4 * sound(1, 6.0)[1_234:], d=sound(3, 6.0))
    assert report.suspects == (3,)
    assert suspects(catalog) == [3]
    detail = show_clip(catalog, "3")
    assert detail.clip.suspect
    assert [(each.other_id, each.metric) for each in detail.suspicions] == [(1, "aligned")]
    assert detail.suspicions[0].score > 0.85
    # still there, in every listing
    assert [row.id for row in list_clips(catalog)] == [2, 3, 4]


def test_the_octave_of_a_rejected_drone_is_not_a_copy_of_it(catalog: Catalog) -> None:
    def drone(hz: float) -> np.ndarray:
        return 0.4 * np.sin(2 * np.pi * hz * np.arange(6 * RATE) / RATE)

    take(catalog, a=drone(110))
    reject(catalog, "1")
    assert take(catalog, b=drone(220), c=drone(440)).suspects == ()
    assert take(catalog, d=0.5 * drone(110)[RATE // 3 :]).suspects == (4,)


def test_taking_a_rejection_back_lifts_the_suspicion(catalog: Catalog, sound: MakeSound) -> None:
    take(catalog, a=sound(1, 6.0))
    reject(catalog, "1")
    take(catalog, b=0.5 * sound(1, 6.0))
    assert suspects(catalog) == [2]
    unreject(catalog, "1")
    assert suspects(catalog) == []
    undo(catalog)
    assert suspects(catalog) == [2]


def test_trust_lifts_the_suspicion_and_undo_restores_it(catalog: Catalog, sound: MakeSound) -> None:
    take(catalog, a=sound(1, 6.0))
    reject(catalog, "1")
    take(catalog, b=0.5 * sound(1, 6.0))
    assert trust(catalog, "suspect:yes").found == 1
    assert suspects(catalog) == []
    with pytest.raises(NotFoundError, match="no suspect clip matches"):
        trust(catalog, "path:b.wav")
    with pytest.raises(NotFoundError, match="no suspect clip matches"):
        trust(catalog, "1")  # by its id: never suspect
    undo(catalog)
    assert suspects(catalog) == [2]


def test_a_part_of_a_rejected_clip_is_suspect_and_what_contains_one_is_not(
    catalog: Catalog, sound: MakeSound
) -> None:
    take(catalog, a=sound(1, 16.0), b=sound(2, 8.0))
    reject(catalog, "1 , 2")
    part, whole = sound(1, 16.0)[4 * RATE : 14 * RATE], np.concatenate([sound(2, 8.0), sound(3, 8.0)])
    report = take(catalog, c=part, d=whole)
    assert [show_clip(catalog, str(found)).clip.path for found in report.suspects] == ["c.wav"]


def test_unrelated_noises_are_not_copies(catalog: Catalog) -> None:
    """Their fingerprints match at 85 % everywhere, and nowhere better than elsewhere."""
    noises = [np.random.default_rng(seed).normal(scale=0.1, size=20 * RATE) for seed in range(2)]
    take(catalog, a=noises[0])
    reject(catalog, "1")
    assert take(catalog, b=noises[1]).suspects == ()


def test_a_clip_rejected_before_its_examination_is_not_compared_with_itself(
    catalog: Catalog, sound: MakeSound
) -> None:
    soundfile.write(catalog.root / "a.wav", sound(1, 6.0), RATE)
    ingest(catalog, [catalog.root], replace(SERIAL, score=False))
    reject(catalog, "1")
    assert examine(catalog) == ()
    assert show_clip(catalog, "1").suspicions == ()


@pytest.mark.parametrize("forgotten", ["a", "b"])
def test_a_clip_that_is_forgotten_during_the_examination_is_left_out(
    catalog: Catalog, sound: MakeSound, monkeypatch: pytest.MonkeyPatch, forgotten: str
) -> None:
    take(catalog, a=sound(1, 6.0), other=sound(2, 6.0))
    reject(catalog, "1 , 2")
    for name, y in {"b": 0.5 * sound(1, 6.0), "c": 0.5 * sound(2, 6.0)}.items():
        soundfile.write(catalog.root / f"{name}.wav", y, RATE)
    ingest(catalog, [catalog.root], replace(SERIAL, score=False))
    score_all(catalog)
    record = suspicion.record

    def after_a_clip_was_forgotten(connection: Connection, *found: Any) -> None:
        monkeypatch.undo()
        forgotten_id = 1 if forgotten == "a" else 3
        connection.execute(delete(location).where(location.c.recording_id == forgotten_id))
        scores.retire(connection, [forgotten_id])
        connection.execute(update(score_row).where(score_row.c.clip_id == forgotten_id).values(clip_id=None))
        connection.execute(delete(recording).where(recording.c.id == forgotten_id))
        record(connection, *found)

    monkeypatch.setattr(suspicion, "record", after_a_clip_was_forgotten)
    assert examine(catalog) == (4,)


def test_only_clips_added_after_the_rejection_are_suspect(catalog: Catalog, sound: MakeSound) -> None:
    take(catalog, a=sound(1, 6.0), b=0.5 * sound(1, 6.0))
    reject(catalog, "1")
    take(catalog, c=sound(2, 6.0))
    assert suspects(catalog) == []
    assert examine(catalog) == ()


def test_a_missed_examination_is_caught_up(catalog: Catalog, sound: MakeSound) -> None:
    """As after a kill between the last commit and the examination, or with --no-score."""
    take(catalog, a=sound(1, 6.0))
    reject(catalog, "1")
    soundfile.write(catalog.root / "b.wav", 0.5 * sound(1, 6.0), RATE)
    ingest(catalog, [catalog.root], replace(SERIAL, score=False))
    assert suspects(catalog) == []
    assert ingest(catalog, [catalog.root], SERIAL).suspects == (2,)


def hiss(seed: int, colour: float) -> np.ndarray:
    """Noise through a first-order low pass, which is similar for every seed."""
    from scipy.signal import lfilter

    noise = np.random.default_rng(seed).normal(scale=0.1, size=6 * RATE)
    return np.asarray(lfilter([1.0 - colour], [1.0, -colour], noise), np.float32)


def test_a_clip_very_similar_to_several_rejected_clips_is_suspect(catalog: Catalog, sound: MakeSound) -> None:
    take(catalog, **{f"a{seed}": hiss(seed, 0.9) for seed in range(3)}, music=sound(1, 6.0))
    reject(catalog, "1 , 2")
    assert take(catalog, b=hiss(10, 0.9)).suspects == ()  # two are not several
    assert show_clip(catalog, "5").suspicions == ()
    reject(catalog, "3")
    report = take(catalog, c=hiss(11, 0.9), d=sound(2, 6.0))
    (found,) = report.suspects
    detail = show_clip(catalog, str(found))
    assert detail.clip.path == "c.wav"
    assert {each.metric for each in detail.suspicions} == {"likeness"}
    assert len(detail.suspicions) == 3


def test_similarity_to_one_of_several_rejected_clips_is_not_enough(
    catalog: Catalog, sound: MakeSound
) -> None:
    take(catalog, a=hiss(1, 0.9), **{f"music{seed}": sound(seed, 6.0) for seed in range(3)})
    reject(catalog, "1 , 2 , 3 , 4")
    assert take(catalog, b=hiss(2, 0.9)).suspects == ()
    assert show_clip(catalog, "5").suspicions == ()


def test_a_clip_is_not_suspect_if_as_many_similar_clips_were_kept(catalog: Catalog) -> None:
    take(catalog, **{f"a{seed}": hiss(seed, 0.9) for seed in range(6)})
    reject(catalog, "1 , 2 , 3")
    rate(catalog, "4 , 5 , 6", 3)
    assert take(catalog, b=hiss(10, 0.9)).suspects == ()


def test_the_likeness_of_suspects_is_a_setting(catalog: Catalog) -> None:
    catalog.file.write_text("[suspect]\nlikeness = 1.0\n")
    with Catalog.open(catalog.file) as strict:
        take(strict, **{f"a{seed}": hiss(seed, 0.9) for seed in range(3)})
        reject(strict, "1 , 2 , 3")
        assert take(strict, b=hiss(10, 0.9)).suspects == ()


def test_copies_are_found_without_aligned_in_use(catalog: Catalog, sound: MakeSound) -> None:
    catalog.file.write_text('[metrics]\nuse = ["prefix"]\n')
    with Catalog.open(catalog.file) as plain:
        take(plain, a=sound(1, 6.0))
        reject(plain, "1")
        assert take(plain, b=0.5 * sound(1, 6.0)[800:]).suspects == (2,)


def test_many_clips_are_examined_in_blocks(
    catalog: Catalog, sound: MakeSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thresher.curation.comparison.suspects.BLOCK_CLIPS", 2)
    take(catalog, a=sound(1, 6.0))
    reject(catalog, "1")
    report = take(catalog, **{f"b{gain}": gain / 10 * sound(1, 6.0) for gain in range(2, 7)}, c=sound(9, 6.0))
    assert len(report.suspects) == 5
    with catalog.reading() as connection:
        assert not connection.scalars(clip.select().where(~clip.c.examined)).all()


def test_other_programs_write_while_clips_are_compared(
    catalog: Catalog, sound: MakeSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a clip of the next block can be forgotten then."""
    monkeypatch.setattr(suspects_module, "BLOCK_CLIPS", 1)
    take(catalog, **{name: sound(seed, 6.0) for name, seed in (("a", 1), ("b", 2), ("c", 3))})
    reject(catalog, "1 , 2 , 3")
    soundfile.write(catalog.root / "d.wav", 0.5 * sound(1, 6.0), RATE)
    soundfile.write(catalog.root / "e.wav", 0.5 * sound(2, 6.0), RATE)
    ingest(catalog, [catalog.root], replace(SERIAL, score=False))
    forgotten: list[int] = []

    def other_program() -> int:
        if not forgotten:
            with Catalog.open(catalog.file) as other:
                forgotten.append(forget(other, str(catalog.root / "e.wav")).recordings)
        return 1

    monkeypatch.setattr(suspects_module, "cores", other_program)
    assert examine(catalog) == (4,)
    assert forgotten == [1]


def test_of_many_rejected_clips_the_most_similar_are_stored(
    catalog: Catalog, sound: MakeSound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is the same but for its gain; the others begin later and later."""
    monkeypatch.setattr("thresher.curation.comparison.suspects.MOST_OTHERS", 3)
    y = sound(1, 8.0)
    take(catalog, **{f"a{late}": y[700 * late :] for late in range(6)})
    reject(catalog, "path:.")
    assert take(catalog, b=0.5 * y).suspects == (7,)
    found = show_clip(catalog, "7").suspicions
    copies = [each for each in found if each.metric == "aligned"]
    assert len(copies) == 3
    assert copies[0].other_id == 1
    assert len(found) - len(copies) in (0, 3)


def test_a_rejected_part_makes_no_clip_of_its_recording_suspect(cut_clips: Catalog) -> None:
    reject(cut_clips, "5")
    for clip_id in (6, 2):  # both have the sound of clip 5
        unexamine(cut_clips, clip_id)
    assert examine(cut_clips) == (2,)
    assert suspects(cut_clips) == [2]


def test_only_shown_rejected_clips_make_others_suspect(cut_clips: Catalog) -> None:
    undo(cut_clips, 1)  # joined: the parts are removed, and the whole is shown
    reject(cut_clips, "1")
    unexamine(cut_clips, 2)
    assert examine(cut_clips) == (2,)  # it is a part of the whole
    undo(cut_clips, undo_of(cut_clips, 1))  # split again
    assert suspects(cut_clips) == []
    reject(cut_clips, "5")
    unexamine(cut_clips, 2)
    assert examine(cut_clips) == (2,)
    unreject(cut_clips, "1")
    undo(cut_clips, 1)
    assert suspects(cut_clips) == []
    assert show_clip(cut_clips, "2").suspicions == ()


def unexamine(catalog: Catalog, clip_id: int) -> None:
    with writing(catalog) as connection:
        connection.execute(clip.update().where(clip.c.id == clip_id).values(examined=False))


def undo_of(catalog: Catalog, number: int) -> int:
    return next(each.id for each in history(catalog) if each.undoes == number)
