"""Curation survives without the database: exported by content, imported where the same clips have other ids."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from sqlalchemy import select

from tests.support import MakeCatalog, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording, rendering
from thresher.catalog.decisions import journal as all_entries
from thresher.curation.backups import import_catalog as importing
from thresher.curation.backups.export_catalog import export_catalog
from thresher.curation.backups.import_catalog import import_catalog
from thresher.curation.checkpoints.verdicts import judge_checkpoint
from thresher.curation.clips.decisions import history, modify, note, rate, reject, tag
from thresher.curation.clips.listing import list_clips
from thresher.curation.clips.saved_queries import get_query, save_query
from thresher.curation.cutting.marks import mark
from thresher.curation.cutting.split import split
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.history import renderings
from thresher.curation.renderings.render import render
from thresher.curation.songs.edit import SongEdit, edit_song
from thresher.curation.songs.songs import all_songs, find_song, save_song
from thresher.errors import NotFoundError, UsageError
from thresher.signal.features.split_settings import SplitSettings

MakeOther = Callable[[], Catalog]


@pytest.fixture(scope="session")
def curated_template(
    tmp_path_factory: pytest.TempPathFactory,
    seven_clips_template: Path,
    new_catalog: MakeCatalog,
    serial: IngestOptions,
) -> Path:
    """The folder that `source` and `other` are copied from."""
    home = tmp_path_factory.mktemp("curated")
    copy_folder(seven_clips_template, home)
    with Catalog.open(home / "catalog.toml") as catalog:
        decide_something(catalog)
        export_catalog(catalog, home / "curation.jsonl")
        with new_catalog(home / "other") as other:
            ingest_reversed(other, catalog, serial)
    return home


def decide_something(catalog: Catalog) -> None:
    """Make a decision of each kind, songs of several orderings, and a rendering."""
    rate(catalog, ["1"], 4)
    rate(catalog, ["2"], 2)
    reject(catalog, ["6"])
    tag(catalog, ["1", "3"], add=["slow", "wide"])
    note(catalog, ["3"], "the café: “yes”\n2nd line")
    mark(catalog, "2", 0.5, 1.5, name="drop")
    split(catalog, ["4"], SplitSettings(count=2), executor="serial")
    judge_checkpoint(catalog, "e10", "keep", "found its riffs")
    modify(catalog, ["5"], {"seed": "99"})
    save_query(catalog, "good", "rating:4.. , 3")
    save_song(catalog, "chained", "(rating:2.. , 3 , 5)", {"ordering": "chain"})
    save_song(catalog, "shuffled", "epoch:10..12 , 5", {"ordering": "shuffle:7"})
    save_song(catalog, "ranged", "id:1..3 , near:2:0..1", {"ordering": "pairs"})
    save_song(catalog, "edited", "query:good", {"ordering": "epoch-", "crossfade": 0.1})
    edit_song(catalog, "edited", SongEdit(add=("7",), pins=(("3", 1),)))
    render(catalog, "edited", catalog.root / "edited.wav")


@pytest.fixture
def source(tmp_path: Path, curated_template: Path) -> Iterator[Catalog]:
    """A catalog with a decision of each kind, songs of several orderings, and a rendering."""
    copy_folder(curated_template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        yield catalog


@pytest.fixture
def other(source: Catalog) -> Iterator[Catalog]:
    """A catalog of the same audio whose clips have other ids."""
    with Catalog.open(source.root / "other/catalog.toml") as catalog:
        yield catalog


@pytest.fixture
def exported(source: Catalog) -> Path:
    """The exported curation of `source`."""
    return source.root / "curation.jsonl"


@pytest.fixture
def make_other(source: Catalog, new_catalog: MakeCatalog) -> Iterator[MakeOther]:
    """Make an empty catalog beside the audio of `source`."""
    with new_catalog(source.root / "empty") as catalog:
        yield lambda: catalog


def ingest_reversed(catalog: Catalog, source: Catalog, serial: IngestOptions) -> None:
    for file in sorted((source.root / "clips").iterdir(), reverse=True):
        ingest(catalog, [file], serial)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def decided(file: Path) -> list[dict[str, Any]]:
    """What a file says about checkpoints and recordings, without the paths, which differ."""
    kinds = ("checkpoint", "recording")
    return [{**each, "path": None} for each in lines(file) if each.get("type") in kinds]


def judged(catalog: Catalog) -> dict[tuple[str, str, int], tuple[Any, ...]]:
    """What is decided about clips, by content."""
    with catalog.reading() as connection:
        rows = connection.execute(
            select(recording.c.sha256, clip)
            .join(recording, recording.c.id == clip.c.recording_id)
            .where(~clip.c.removed)
        ).all()
        tags = {row.id: row.tags for row in list_clips(catalog, "kind:whole , kind:part , kind:marked")}
        return {
            (row.sha256, row.kind, row.start_frame): (
                row.rating,
                row.rejected,
                row.note,
                row.name,
                tuple(tags.get(row.id, ())),
            )
            for row in rows
        }


@pytest.mark.long
def test_two_exports_of_one_catalog_are_equal_and_name_no_ids(source: Catalog, exported: Path) -> None:
    again = source.root / "again.jsonl"
    report = export_catalog(source, again)
    assert again.read_bytes() == exported.read_bytes()
    assert report.lines["recording"] == 7
    songs = {each["name"]: each for each in lines(exported) if each.get("type") == "song"}
    assert songs["chained"]["settings"]["query"][0] == "(rating:2.. , "
    assert songs["chained"]["settings"]["query"][1]["kind"] == "whole"
    assert "id:" not in json.dumps(songs["ranged"]["settings"]["query"])


def test_everything_comes_back_where_ids_differ(source: Catalog, other: Catalog, exported: Path) -> None:
    before = {row.sha256: row.id for row in _recordings(source)}
    after = {row.sha256: row.id for row in _recordings(other)}
    assert before.keys() == after.keys()
    assert before != after
    report = import_catalog(other, exported, executor="serial")
    assert (report.missing, report.missing_clips, report.waiting, report.conflicts) == ((), 0, 0, ())
    assert judged(other) == judged(source)
    assert renderings(other, "edited")[0].plan_sha256 == renderings(source, "edited")[0].plan_sha256
    assert get_query(other, "good").clips == get_query(source, "good").clips
    exported_again = other.root / "again.jsonl"
    export_catalog(other, exported_again)
    assert decided(exported_again) == decided(exported)


def test_songs_render_to_the_same_bytes(source: Catalog, other: Catalog, exported: Path) -> None:
    report = import_catalog(other, exported, executor="serial")
    with source.reading() as connection:
        names = [each.name for each in all_songs(connection)]
    for name in names:
        for catalog in (source, other):
            render(catalog, name, catalog.root / f"{name}.flac")
        assert (source.root / f"{name}.flac").read_bytes() == (other.root / f"{name}.flac").read_bytes(), name
    (said,) = [each for each in report.notes if "shuffled" in each]
    assert "depends on ids; it has the ordering manual now" in said
    assert renderings(other, "edited")[0].number == 1


def test_an_import_can_be_repeated_and_undone(other: Catalog, exported: Path) -> None:
    first = import_catalog(other, exported, executor="serial")
    state = judged(other)
    again = import_catalog(other, exported, executor="serial")
    assert (again.changes, again.renderings, again.decision, again.conflicts) == (0, 0, None, ())
    assert judged(other) == state
    assert first.decision is not None
    undo(other, first.decision)
    assert not any(row.rating for row in list_clips(other))
    with other.reading() as connection:
        assert all_songs(connection) == []


def test_what_has_no_audio_yet_comes_with_a_later_import(
    source: Catalog, make_other: MakeOther, exported: Path, serial: IngestOptions
) -> None:
    some = make_other()
    ingest(some, [source.root / "clips/run_epoch_10_0.wav"], serial)
    report = import_catalog(some, exported, executor="serial")
    assert len(report.missing) == 6
    assert report.waiting == 1
    assert any('"chained": 3 clips of 4 are not here yet' in each for each in report.notes)
    ingest_reversed(some, source, serial)
    later = import_catalog(some, exported, executor="serial")
    assert (later.missing, later.waiting, later.conflicts) == ((), 0, ())
    assert judged(some) == judged(source)
    for name in ("chained", "shuffled", "edited"):
        for catalog in (source, some):
            render(catalog, name, catalog.root / f"{name}.flac")
        assert (source.root / f"{name}.flac").read_bytes() == (some.root / f"{name}.flac").read_bytes(), name


def test_a_dry_run_changes_nothing(other: Catalog, exported: Path) -> None:
    before = judged(other)
    report = import_catalog(other, exported, dry_run=True)
    assert report.changes > 0
    assert report.cuts == 2
    assert judged(other) == before
    with other.reading() as connection:
        assert all_songs(connection) == []


def test_the_catalog_wins_unless_the_file_shall_replace(
    source: Catalog, other: Catalog, exported: Path
) -> None:
    sha256 = {row.id: row.sha256 for row in _recordings(source)}[1]
    mine = {row.sha256: row.id for row in _recordings(other)}[sha256]
    rate(other, [str(mine)], 1)
    tag(other, [str(mine)], add=["mine"])
    save_song(other, "chained", "epoch:10")
    report = import_catalog(other, exported, executor="serial")
    assert sorted(report.conflicts) == [
        f"clip {mine}: rating 1 here, 4 in the file",
        'song "chained" has other settings here',
    ]
    row = next(row for row in list_clips(other) if row.id == mine)
    assert (row.rating, sorted(row.tags)) == (1, ["mine", "slow", "wide"])
    import_catalog(other, exported, replace=True, executor="serial")
    assert next(row.rating for row in list_clips(other) if row.id == mine) == 4
    with other.reading() as connection:
        assert find_song(connection, "chained").settings.query != "epoch:10"


def test_clips_are_found_in_files_that_were_converted(
    source: Catalog, make_other: MakeOther, exported: Path, serial: IngestOptions
) -> None:
    other = make_other()
    y, sr = soundfile.read(source.root / "clips/run_epoch_10_0.wav", dtype="int16")
    soundfile.write(other.root / "converted.flac", y, sr)
    ingest(other, [other.root / "converted.flac"], serial)
    report = import_catalog(other, exported, executor="serial")
    assert report.recordings == 1
    assert next(iter(list_clips(other))).rating == 4


def _without_names(file: Path) -> None:
    """Make an exported file one of an earlier version, which did not say who decided."""
    records = [{key: value for key, value in each.items() if key != "by"} for each in lines(file)]
    file.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")


@pytest.mark.parametrize(
    ("deciding", "earlier", "said"),
    [
        (("carl", "anna", "ben"), False, "import mine.jsonl (decisions by anna@studio, carl@studio)"),
        (("anna",), False, "import mine.jsonl"),
        (("carl",), True, "import mine.jsonl"),
    ],
)
def test_an_import_names_the_people_who_decided(
    seven_clips: Catalog,
    seven_clips_template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deciding: tuple[str, ...],
    earlier: bool,
    said: str,
) -> None:
    def decide_as(name: str) -> None:
        monkeypatch.setattr(all_entries, "this_writer", lambda: name)
        for module in (all_entries, importing):
            monkeypatch.setattr(module, "this_label", lambda: f"{name}@studio")

    for name in deciding:
        decide_as(name)
        made = tag(seven_clips, ["1"], add=[name]).decision
    if deciding[-1] == "ben":
        assert made is not None
        decide_as("carl")
        undo(seven_clips, made.id)  # what ben decided is not in the file
    file = tmp_path / "mine.jsonl"
    export_catalog(seven_clips, file)
    journal = [each for each in lines(file) if each.get("type") == "decision" and not each["undone"]]
    expected = [f"{name}@studio" for name in deciding if name != "ben"]
    assert [each["by"] for each in journal][: len(expected)] == expected
    if earlier:
        _without_names(file)
    copy_folder(seven_clips_template, tmp_path / "fresh")
    decide_as("anna")
    with Catalog.open(tmp_path / "fresh/catalog.toml") as fresh:
        import_catalog(fresh, file)
        (latest, *_rest) = history(fresh)
    assert (latest.summary, latest.by) == (said, "anna@studio")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\n", "not UTF-8"),
        (b"{}\n", "not an exported curation"),
        (b"[]\n", "not an object"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (b'{"format":"thresher curation","version":2}\n', "version 2 of the format"),
        (
            b'{"format":"thresher curation","version":1}\n{"type":"recording"}\n',
            "line 2: sha256 of this recording",
        ),
        (b'{"format":"thresher curation","version":1}\n{"type":"song","na', "line 2: the file is cut off"),
        (
            b'{"format":"thresher curation","version":1}\n'
            b'{"type":"song","name":"x","created_at":1,"settings":{}}\n',
            "settings of song .x. are not valid",
        ),
        (
            b'{"format":"thresher curation","version":1}\n'
            b'{"type":"checkpoint","run":"a","epoch":99999999999999999999,"note":"x"}\n',
            "epoch of this checkpoint is not valid",
        ),
        (
            b'{"format":"thresher curation","version":1}\n{"type":"decision","by":3}\n',
            "by of this decision is not valid",
        ),
    ],
)
def test_damaged_files_are_refused(
    seven_clips: Catalog, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        import_catalog(seven_clips, tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ('{"type":"checkpoint","run":"\\ud800"}', "line 2 is not JSON"),
        ('{"type":"song","name":"x","created_at":NaN,"settings":{}}', "line 2 is not JSON"),
        ('{"type":"song","name":"x","created_at":1e300,"settings":{}}', "created_at of this song"),
        ('{"type":"song","name":"","created_at":1,"settings":{}}', "'' is not a valid name"),
        ('{"type":"query","name":"a\\nb","query":"riff"}', "is not a valid name"),
        ('{"type":"recording","sha256":"0","split":{"nonsense":1}}', "this recording is not valid"),
        ('{"type":"recording","sha256":"0","split":{"count":1}}', "count must be 2 or more"),
        ('{"type":"recording","sha256":"0","split":{"count":1e400}}', "line 2 is not JSON"),
        ('{"type":"recording","sha256":"0","clips":[{"kind":"whole","tags":["a,b"]}]}', "invalid tag 'a,b'"),
        (
            '{"type":"recording","sha256":"0","attributes":{"Rating":"5"}}',
            '"Rating" is already a query field',
        ),
        ('{"type":"recording","sha256":"0","attributes":{"epoch":"5"}}', '"epoch" belongs to the checkpoint'),
        ('{"type":"recording","sha256":"0","attributes":{"a":"1","Step":"5"}}', 'did you mean "step"'),
        ('{"type":"recording","sha256":"0","attributes":{"\\u0007":"x"}}', "is not a name"),
        ('{"type":"recording","sha256":"0","attributes":{" ":"x"}}', "is not a name"),
        (f'{{"type":"recording","sha256":"0","attributes":{{"{"k" * 201}":"x"}}}}', "1 to 200 printable"),
        ('{"type":"recording","sha256":"0","clips":[{"kind":"marked","name":"\\u0007"}]}', "invalid name"),
        ('{"type":"recording","sha256":"0","clips":[{"kind":"whole","heard_at":1e300}]}', "heard_at"),
    ],
)
def test_values_that_no_command_stores_are_refused(
    seven_clips: Catalog, tmp_path: Path, record: str, message: str
) -> None:
    (tmp_path / "x.jsonl").write_text(f'{{"format":"thresher curation","version":1}}\n{record}\n')
    with pytest.raises(UsageError, match=f"line 2.*{message}|{message}.*nothing was imported"):
        import_catalog(seven_clips, tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": "many"}, "frames is 'many'"),
        ({"created_at": 1e300}, "created_at is 1e.300"),
        ({"path_text": 3}, "path_text is 3"),
        ({"settings": {"query": "riff"}}, "'ordering'"),
        ({"rewritten": ["riff"]}, "has no attribute 'items'"),
    ],
)
def test_a_damaged_rendering_is_refused(
    other: Catalog, exported: Path, change: dict[str, Any], message: str
) -> None:
    records = [each | change if each.get("type") == "rendering" else each for each in lines(exported)]
    exported.write_text("".join(json.dumps(each) + "\n" for each in records))
    with pytest.raises(UsageError, match=rf"rendering 1 of song .* is not valid \(.*{message}"):
        import_catalog(other, exported, executor="serial")
    assert history(other) == []  # nor was anything cut


def test_a_rendering_gets_ids_of_the_catalog_that_imports_it(other: Catalog, exported: Path) -> None:
    records = [each | {"id": 77} if each.get("type") == "rendering" else each for each in lines(exported)]
    exported.write_text("".join(json.dumps(each) + "\n" for each in records))
    import_catalog(other, exported, executor="serial")
    with other.reading() as connection:
        assert connection.scalar(select(rendering.c.id)) != 77


def test_what_is_not_a_file_is_refused_at_once(seven_clips: Catalog, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "gone"):
        with pytest.raises(NotFoundError, match="there is no file"):
            import_catalog(seven_clips, path)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(UsageError, match="is not an exported curation"):
            export_catalog(seven_clips, path)


def test_an_export_replaces_an_earlier_export_only(source: Catalog, exported: Path) -> None:
    export_catalog(source, exported)
    (source.root / "notes.txt").write_text("mine")
    database = [] if source.is_shared else ["catalog.db"]
    for name in ("notes.txt", "clips/run_epoch_10_0.wav", "catalog.toml", *database):
        content = (source.root / name).read_bytes()
        with pytest.raises(UsageError):
            export_catalog(source, source.root / name)
        assert (source.root / name).read_bytes() == content


def _recordings(catalog: Catalog) -> list[Any]:
    with catalog.reading() as connection:
        return list(connection.execute(select(recording.c.id, recording.c.sha256)).all())
