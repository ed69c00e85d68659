"""Near-duplicates and continuations of clips, with their times; unrelated clips have no relations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from tests.support import RATE, MakeCatalog, MakeSound, copy_folder, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.origin import relatives
from thresher.curation.origin.relatives import Relation, relations


@pytest.fixture(scope="module")
def family_template(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    sound: MakeSound,
    serial: IngestOptions,
) -> Path:
    """A clip, what continues its end, its beginning and all of it, a copy, a cut, and clips of other sound."""
    home = tmp_path_factory.mktemp("family")
    new_catalog(home).close()
    first, second, third = (sound(seed, 10.0)[:, 0] for seed in (1, 2, 3))
    prompt, at = 5 * RATE, 10 * RATE
    sounds = {
        "a.wav": first,
        "b_end.wav": np.concatenate([0.7 * first[at - prompt :], second[:at]]),
        "c_all.wav": np.concatenate([first, third[: 6 * RATE]]),
        "d_start.wav": np.concatenate([first[:prompt], third[4 * RATE :]]),
        "e_copy.wav": 0.5 * first,
        "f_cut.wav": first[2 * RATE : 8 * RATE],
        "g_other.wav": sound(4, 10.0)[:, 0],
        "h_short.wav": sound(5, 1.0)[:, 0],
        "i_middle.wav": np.concatenate([first[2 * RATE : 8 * RATE], sound(6, 8.0)[:, 0]]),
    }
    (home / "clips").mkdir()
    for name, y in sounds.items():
        soundfile.write(home / "clips" / name, y, RATE, "FLOAT")
    with Catalog.open(home / "catalog.toml") as made:
        ingest(made, [home / "clips"], serial)
    return home


@pytest.fixture
def family_catalog(family_template: Path, tmp_path: Path) -> Iterator[Catalog]:
    copy_folder(family_template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        yield made


def of(catalog: Catalog, name: str) -> dict[str, Relation]:
    """Return the relations of a clip by the first letters of the other clips' files."""
    letters = {row.id: (row.path or "").removeprefix("clips/")[0] for row in list_clips(catalog, ["id+"])}
    own = next(clip_id for clip_id, letter in letters.items() if letter == name)
    found = relations(catalog, own).found
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    return {letters[each.clip]: each for each in found}


def test_the_relations_of_the_clip_that_was_continued(family_catalog: Catalog) -> None:
    found = of(family_catalog, "a")
    assert {name: each.kind for name, each in found.items()} == {
        "b": "continued by",
        "c": "continued by",
        "d": "same start",
        "e": "copy",
        "f": "contains",
        "i": "continued by",
    }
    assert (found["b"].start, found["b"].other_start, found["b"].seconds) == pytest.approx((5, 0, 5), abs=0.2)
    assert found["i"].start == pytest.approx(2, abs=0.2)
    assert found["f"].start == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    ("name", "other_start", "seconds"), [("b", 5.0, 5.0), ("c", 0.0, 10.0), ("i", 2.0, 6.0)]
)
def test_a_continuation_begins_where_its_prompt_was_cut(
    family_catalog: Catalog, name: str, other_start: float, seconds: float
) -> None:
    found = of(family_catalog, name)["a"]
    assert found.kind == "continues"
    assert (found.start, found.other_start) == pytest.approx((0, other_start), abs=0.2)
    # tones of the made sounds are similar for a while by chance
    assert seconds - 0.2 < found.seconds < seconds + 2


def test_a_part_stands_for_a_recording_that_was_split(family_catalog: Catalog) -> None:
    with writing(family_catalog) as connection:
        whole = connection.execute(select(clip).where(clip.c.id == 5)).one()._asdict()
        shorter = {**whole, "kind": "part", "end_frame": whole["end_frame"] - 1}
        connection.execute(clip.insert(), [{**shorter, "id": 100, "ordinal": 0}])
        connection.execute(clip.insert(), [{**shorter, "id": 101, "ordinal": 1, "removed": True}])
        split = recording.update().where(recording.c.id == whole["recording_id"]).values(split="{}")
        connection.execute(split)
    found = relations(family_catalog, 1).found
    assert [each.clip for each in found if each.kind == "copy"] == [100]


def test_no_transaction_is_open_while_relations_are_found(
    family_catalog: Catalog, computed_in_transactions: list[str]
) -> None:
    assert {each.kind for each in relations(family_catalog, 1).found} >= {"copy", "continued by", "contains"}
    assert computed_in_transactions == []


def test_unrelated_and_short_clips_have_no_relations(family_catalog: Catalog) -> None:
    assert of(family_catalog, "g") == {}
    assert of(family_catalog, "h") == {}


def test_clips_of_one_recording_are_not_relatives(family_catalog: Catalog) -> None:
    with writing(family_catalog) as connection:
        whole = connection.execute(select(clip).order_by(clip.c.id).limit(1)).one()._asdict()
        part = {**whole, "id": 100, "kind": "marked", "ordinal": 0}
        connection.execute(clip.insert(), part)
    assert 100 not in {each.clip for each in of(family_catalog, "a").values()}
    others = of(family_catalog, "e")
    assert others["a"].kind == "copy"


@pytest.mark.parametrize("shared", ["noise", "silence"])
def test_noises_do_not_continue_each_other(
    family_catalog: Catalog, serial: IngestOptions, shared: str
) -> None:
    for seed in range(3):
        generator = np.random.default_rng(seed)
        y = 0.2 * generator.normal(size=8 * RATE) * (1.0 if shared == "noise" else 0.0)
        y[-3 * RATE :] += 0.3 * np.sin(2 * np.pi * generator.uniform(100, 900) * np.arange(3 * RATE) / RATE)
        soundfile.write(family_catalog.root / "clips" / f"{seed}_noise.wav", y, RATE, "FLOAT")
    ingest(family_catalog, [family_catalog.root / "clips"], serial)
    for name in ("0", "1", "2"):
        assert of(family_catalog, name) == {}


def test_of_many_similar_clips_the_most_similar_are_examined(
    family_catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relatives, "MOST_EXAMINED", 1)
    found = relations(family_catalog, 1)
    assert found.not_examined > 0
    assert {each.kind for each in found.found} >= {"copy"}


def test_a_made_continuation_of_the_corpus(
    new_catalog: MakeCatalog, corpus: Path, tmp_path: Path, serial: IngestOptions
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "clips").mkdir()
    folder = corpus / "neural/1000sharks"
    first, sr = soundfile.read(folder / "wavenet_periphery.wav", dtype="float32")
    second, _ = soundfile.read(folder / "aamgen_prism2t_dadabots_pre_0.wav", dtype="float32", frames=10 * sr)
    prompt = first[-5 * sr :]
    soundfile.write(tmp_path / "clips/a.wav", first, sr)
    soundfile.write(tmp_path / "clips/b.ogg", np.concatenate([prompt, second[: 6 * sr]]), sr)
    soundfile.write(tmp_path / "clips/c.wav", second[-8 * sr :], sr)
    with Catalog.open(tmp_path / "catalog.toml") as made:
        ingest(made, [tmp_path / "clips"], serial)
        found = of(made, "b")
        assert found["a"].kind == "continues"
        (row,) = list_clips(made, ["id:1"])
        assert (row.start or 0.0) + found["a"].other_start == pytest.approx(len(first) / sr - 5, abs=0.2)
        assert found["a"].seconds == pytest.approx(5, abs=0.3)
        assert of(made, "a")["b"].kind == "continued by"
        assert "c" not in of(made, "a")
