"""The state machine: commands and changes of files in any order, by two processes, compared with the model.

After every step the database is read by plain SQL, and has to agree with the model: recordings, places, what is
missing, judgements, songs and the journal. The steps of a failure are printed by hypothesis.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.actor import Actor, Remote
from tests.model.shelf import Place, Recording, Refused, Rendered, Shelf, inside
from tests.model.sounds import COUNT, Content, content, file_bytes, is_split, sha256
from tests.support import copy_folder

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SETTINGS = (
    '[metrics]\nuse = ["prefix"]\n[ingest]\nmeasure = false\ngroup = {group}\n[trim]\ntop_db = {top_db}\n'
)
TRIMS = (60.0, 30.0)
"""The settings of trimming, by number."""

FOLDERS = (".", "lib", "lib/sub", "plug")
NAMES = ("a", "b", "c", "d")
SUFFIXES = (".wav", ".flac")
QUERIES = ("", "rating:3..", "tag:riff", "missing:no", "kind:marked")
VERIFIED = 5
"""The number of steps after which the whole catalog is verified, as it is at the end."""

SPANS = ((0.1, 0.4), (0.2, 0.5))

places = st.builds(
    lambda folder, name, suffix: f"{folder}/{name}{suffix}",
    st.sampled_from(FOLDERS[1:]),
    st.sampled_from(NAMES),
    st.sampled_from(SUFFIXES),
)
number = st.integers(0, 1_000)
who = st.integers(0, 1)


class Machine(RuleBasedStateMachine):
    """Two actors on one catalog. Subclasses say where folders are, and which catalogs they start with."""

    remote: ClassVar[Remote]
    home: ClassVar[Path]
    template: ClassVar[Path]
    revisions: ClassVar[tuple[str, ...]] = ()
    steps: ClassVar[int] = 0
    counts: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(dir=self.home))
        self.shelf = Shelf()
        self.actors: tuple[Actor | Remote, ...] = (Actor(), self.remote)
        self.spans: dict[tuple[str, int], tuple[int, int]] = {}
        self.group = 64
        self.away: dict[str, Content] | None = None
        self.outputs = 0
        self.is_scored = False

    def teardown(self) -> None:
        """Make every rendering again whose sources are there, check the whole catalog, and delete the folder."""
        try:
            if self.shelf.recordings:
                for rendering in self.shelf.renderings:
                    self._render_again(rendering, 0)
                assert self.actors[1].do("verify") is True
        finally:
            for actor in self.actors:
                actor.close()
            shutil.rmtree(self.root)

    # -- the start ---------------------------------------------------------------------------------------------

    @initialize(
        golden=number,
        group=st.sampled_from([1, 2, 64]),
        sounds=st.lists(st.integers(0, COUNT - 1), min_size=3, max_size=7),
    )
    def start(self, golden: int, group: int, sounds: list[int]) -> None:
        """Start with a few files, in a new catalog or in one that an earlier version wrote."""
        self.group = group
        choice = golden % (2 + len(self.revisions)) - 2
        if choice < 0:
            copy_folder(self.template, self.root)
        else:
            self._write_golden(GOLDEN / self.revisions[choice])
        for folder in FOLDERS[1:]:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "out").mkdir()
        self._open()
        if choice >= 0:
            self._adopt()
        for index, sound in enumerate(sounds):
            self._write(f"{FOLDERS[1 + index % 3]}/{NAMES[index % 4]}.wav", str(sound), 0)
        self.ingest(0, ".", yes=True)
        self.save_song(1, NAMES[0], "", "rating+")
        self.render(0, 0, "out")

    def _write_golden(self, dump: Path) -> None:
        note(f"golden catalog {dump.name}")
        database = sqlite3.connect(self.root / "catalog.db")
        database.executescript(dump.read_text(encoding="utf-8"))
        database.close()
        for index in range(4):
            y = np.random.default_rng(index).normal(scale=0.1, size=4 * 8_000) * (index != 3)
            path = f"night_epoch_{10 * (1 + index // 2)}_{index}.wav"
            soundfile.write(self.root / path, y, 8_000)
            digest = sha256((self.root / path).read_bytes())
            self.shelf.files[path] = Content(f"golden {index}", digest)

    def _adopt(self) -> None:
        """Take what the upgraded catalog knows into the model: judgements as they were before."""
        shelf, found = self.shelf, {}
        for row in self._rows(
            "SELECT r.id, r.sha256, r.status, r.split, c.id AS whole FROM recording r "
            "JOIN clip c ON c.recording_id = r.id AND c.kind = 'whole' ORDER BY r.id"
        ):
            path = next(path for path, each in shelf.files.items() if each.sha256 == row["sha256"])
            known = Recording(shelf.files[path].sound or "", row["sha256"], None, row["whole"], False)
            known.usable = row["status"] == "ok"
            found[row["id"]] = known
            shelf.recordings.append(known)
            shelf.values["recording", known.whole, "split"] = row["split"]
        for row in self._rows("SELECT * FROM location ORDER BY id"):
            where = os.fsdecode(row["path"])
            digest = row["sha256"] or found[row["recording_id"]].first
            shelf.places.append(
                Place(where, found[row["recording_id"]], digest, row["missing_since"] is not None)
            )
        for row in self._rows("SELECT * FROM clip"):
            recording = found[row["recording_id"]]
            if row["kind"] == "part":
                recording.parts.add(row["id"])
            elif row["kind"] == "marked":
                recording.marks[row["start_frame"], row["end_frame"]] = row["id"]
            values = {"rating": row["rating"], "rejected": bool(row["rejected"]), "note": row["note"]}
            values |= {"removed": bool(row["removed"]), "tags": self._tags(row["id"])}
            shelf.values.update({("clip", row["id"], name): value for name, value in values.items()})
        self.ignored_songs = {row["id"] for row in self._rows("SELECT id FROM song")}
        self.ignored_entries = {row["id"] for row in self._rows("SELECT id FROM decision")}
        for row in self._rows("SELECT * FROM rendering"):
            needs = self._rows(
                "SELECT recording_sha256 FROM rendering_clip WHERE rendering_id = ?", row["id"]
            )
            digests = {each["recording_sha256"] for each in needs}
            recordings = tuple(each for each in shelf.recordings if each.first in digests)
            # its bytes depend on the libraries of the machine that made it
            shelf.renderings.append(Rendered(row["song_id"], row["number"], "", recordings))

    ignored_songs: set[int] = frozenset()  # type: ignore[assignment]  # never changed
    ignored_entries: set[int] = frozenset()  # type: ignore[assignment]  # never changed

    def _tags(self, clip: int) -> tuple[str, ...]:
        rows = self._rows("SELECT tag FROM clip_tag WHERE clip_id = ? ORDER BY tag", clip)
        return tuple(row["tag"] for row in rows)

    def _open(self) -> None:
        settings = SETTINGS.format(group=self.group, top_db=TRIMS[self.shelf.trim])
        (self.root / "catalog.toml").write_text(settings)
        for each in self.actors:
            assert each.do("open", file=str(self.root / "catalog.toml")) is None

    def _do(self, actor: int, verb: str, **arguments: Any) -> Any:
        """Run a verb by an actor, and count it if it does something."""
        answer = self.actors[actor].do(verb, **arguments)
        is_error = isinstance(answer, dict) and "error" in answer
        self.counts[f"{verb}, refused" if is_error else verb] += 0 if answer is False else 1
        return answer

    def _rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        database = sqlite3.connect(f"file:{self.root / 'catalog.db'}?mode=ro", uri=True, timeout=60)
        database.row_factory = sqlite3.Row
        try:
            return database.execute(statement, values).fetchall()
        finally:
            database.close()

    # -- files -------------------------------------------------------------------------------------------------

    @rule(path=places, sound=st.integers(0, COUNT - 1))
    def write(self, path: str, sound: int) -> None:
        """Write a new file, or overwrite one."""
        self._write(path, str(sound), 0)

    @rule(which=number, sound=st.integers(0, COUNT - 1))
    def overwrite_with_time_kept(self, which: int, sound: int) -> None:
        """Put another sound into a file in place, and set its time back."""
        if path := self._file(which):
            before = os.stat(self.root / path)
            self._write(path, str(sound), 0)
            os.utime(self.root / path, ns=(before.st_atime_ns, before.st_mtime_ns))

    @rule(which=number, edition=st.integers(0, 3))
    def tag_file(self, which: int, edition: int) -> None:
        """Write other tags into a file."""
        if path := self._file(which):
            self._write(path, self.shelf.files[path].sound or "", edition)

    @rule(which=number, to=places)
    def convert(self, which: int, to: str) -> None:
        """Write the sound of a file to another path, whose suffix may be another."""
        path = self._file(which)
        if path and to not in self.shelf.files and self._is_reachable(to):
            self._write(to, self.shelf.files[path].sound or "", 0)

    @rule(which=number, to=places)
    def copy(self, which: int, to: str) -> None:
        """Copy a file to another path, maybe over another file."""
        path = self._file(which)
        if path and path != to and self._is_reachable(to) and Path(path).suffix == Path(to).suffix:
            shutil.copy2(self.root / path, self.root / to)
            self.shelf.files[to] = self.shelf.files[path]

    @rule(which=number, to=places)
    def move(self, which: int, to: str) -> None:
        """Move a file to another path, maybe over another file."""
        path = self._file(which)
        if path and path != to and self._is_reachable(to) and Path(path).suffix == Path(to).suffix:
            os.replace(self.root / path, self.root / to)
            self.shelf.files[to] = self.shelf.files.pop(path)

    @rule(which=number, other=number)
    def renumber(self, which: int, other: int) -> None:
        """Exchange the names of two files."""
        one, two = self._file(which), self._file(other)
        if one and two and one != two and Path(one).suffix == Path(two).suffix:
            os.rename(self.root / one, self.root / "swap")
            os.rename(self.root / two, self.root / one)
            os.rename(self.root / "swap", self.root / two)
            files = self.shelf.files
            files[one], files[two] = files[two], files[one]

    @rule(which=number)
    def delete(self, which: int) -> None:
        """Delete a file."""
        if path := self._file(which):
            (self.root / path).unlink()
            del self.shelf.files[path]

    @precondition(lambda self: self.away is None)
    @rule()
    def unplug(self) -> None:
        """Let a folder vanish, as a drive does that is unplugged."""
        os.rename(self.root / "plug", self.root / ".unplugged")
        self.away = {path: each for path, each in self.shelf.files.items() if inside(path, "plug")}
        for path in self.away:
            del self.shelf.files[path]

    @precondition(lambda self: self.away is not None)
    @rule()
    def replug(self) -> None:
        """Bring the folder back."""
        os.rename(self.root / ".unplugged", self.root / "plug")
        self.shelf.files.update(self.away or {})
        self.away = None

    def _file(self, which: int) -> str | None:
        """One of the files that hold a sound of ours; None without any."""
        files = sorted(path for path, each in self.shelf.files.items() if (each.sound or "g").isdigit())
        return files[which % len(files)] if files else None

    def _is_reachable(self, path: str) -> bool:
        return self.away is None or not inside(path, "plug")

    def _write(self, path: str, sound: str, edition: int) -> None:
        if self._is_reachable(path):
            suffix = Path(path).suffix
            (self.root / path).write_bytes(file_bytes(sound, edition, suffix))
            self.shelf.files[path] = content(sound, edition, suffix)

    # -- ingest and analysis -----------------------------------------------------------------------------------

    @rule(actor=who, folder=st.sampled_from(FOLDERS), yes=st.booleans())
    def ingest(self, actor: int, folder: str, yes: bool) -> None:
        """Bring the catalog up to date with a folder."""
        if self._expected(
            lambda: self.shelf.ingest(folder, self._wholes(), exists=(self.root / folder).exists(), yes=yes),
            lambda: self._do(actor, "ingest", folder=str(self.root / folder), yes=yes),
            verb_first=True,
        ):
            self._learn_recordings()

    @rule(actor=who, number=number, rating=st.integers(1, 5))
    def ingest_while_rating(self, actor: int, number: int, rating: int) -> None:
        """Rate a clip while the other process ingests everything."""
        clip = self._clip(number)
        if clip is None:
            return
        done = self.actors[actor].start("ingest", folder=str(self.root), yes=True)
        changed = self._do(1 - actor, "rate", clip=str(clip), rating=rating)
        answer = done()
        assert "error" not in answer, answer
        self._decided(changed, {("clip", clip, "rating"): rating})
        self.shelf.ingest(".", self._wholes())
        self._learn_recordings()

    @rule(first=st.sampled_from(FOLDERS[:3]), second=st.sampled_from(FOLDERS[:3]))
    def ingest_twice_at_once(self, first: str, second: str) -> None:
        """Ingest two folders at once, which may be one in the other: it ends like one of the two orders."""
        done = self.remote.start("ingest", folder=str(self.root / second), yes=True)
        answers = [self.actors[0].do("ingest", folder=str(self.root / first), yes=True), done()]
        assert not [each for each in answers if "error" in each or each["scoring"]], answers
        orders = []
        for order in ((first, second), (second, first)):
            shelf = deepcopy(self.shelf)
            for folder in order:
                shelf.ingest(folder, self._wholes())
            orders.append(shelf)
        present = self._present()
        found = [differences(present, shelf) for shelf in orders]
        assert "" in found, " / ".join(found)
        self.shelf = orders[found.index("")]
        self._learn_recordings()

    @rule(actor=who)
    def retrim(self, actor: int) -> None:
        """Change the settings of trimming, and analyse everything again."""
        self.shelf.trim = (self.shelf.trim + 1) % len(TRIMS)
        self._open()
        self.reanalyse(actor)

    @rule(actor=who)
    def reanalyse(self, actor: int) -> None:
        """Analyse all recordings again whose files are there."""
        assert isinstance(self._do(actor, "reanalyse"), int)
        self.is_scored = True
        for each in self.shelf.recordings:
            if self.shelf.is_found(each):
                each.trim = self.shelf.trim

    @rule()
    def open_again(self) -> None:
        """Start both programs again."""
        self._open()

    def _learn_recordings(self) -> None:
        """Learn the ids that the catalog gave to new recordings, after an ingest, which scores all clips."""
        self.is_scored = True
        present = self._present()
        taken = {each.whole for each in self.shelf.recordings if each.whole}
        for place in self.shelf.places:
            if not place.recording.whole and not place.missing:
                assert place.path in present, f"{place.path} is not in the catalog: {present}"
                place.recording.whole = present[place.path][0]
                assert place.recording.whole not in taken, f"{place.path} is not a recording of its own"
                taken.add(place.recording.whole)

    def _present(self) -> dict[str, tuple[int, str]]:
        rows = self._rows(
            "SELECT l.path, c.id, l.sha256 FROM location l JOIN clip c ON c.recording_id = l.recording_id "
            "AND c.kind = 'whole' WHERE l.missing_since IS NULL"
        )
        return {os.fsdecode(path): (clip, digest) for path, clip, digest in rows}

    def _wholes(self) -> dict[str, int]:
        """The whole clips at the present paths."""
        return {path: clip for path, (clip, _) in self._present().items()}

    # -- decisions ---------------------------------------------------------------------------------------------

    @rule(actor=who, number=number, rating=st.one_of(st.none(), st.integers(1, 5)))
    def rate(self, actor: int, number: int, rating: int | None) -> None:
        """Rate a clip, or remove its rating."""
        self._judge(actor, number, "rating", rating, "rate", rating=rating)

    @rule(actor=who, number=number)
    def reject(self, actor: int, number: int) -> None:
        """Reject a clip."""
        self._judge(actor, number, "rejected", True, "reject")

    @rule(actor=who, number=number)
    def unreject(self, actor: int, number: int) -> None:
        """Take a rejection back."""
        clip = self._clip(number)
        if clip is not None and self.shelf.value("clip", clip, "rejected"):
            self._judge(actor, number, "rejected", False, "unreject")

    @rule(actor=who, number=number, add=st.booleans(), name=st.sampled_from(["riff", "ü"]))
    def tag(self, actor: int, number: int, add: bool, name: str) -> None:
        """Add a tag to a clip, or remove it."""
        clip = self._clip(number)
        if clip is not None:
            now = set(self.shelf.value("clip", clip, "tags"))
            new = tuple(sorted(now | {name} if add else now - {name}))
            self._judge(actor, number, "tags", new, "tag", **{"add" if add else "remove": [name]})

    @rule(actor=who, number=number, text=st.sampled_from([None, "good bridge", "<b>"]))
    def note(self, actor: int, number: int, text: str | None) -> None:
        """Write a note on a clip, or remove it."""
        self._judge(actor, number, "note", text, "note", text=text)

    def _judge(self, actor: int, number: int, name: str, value: Any, verb: str, **arguments: Any) -> None:
        clip = self._clip(number)
        if clip is not None:
            changed = self._do(actor, verb, clip=str(clip), **arguments)
            self._decided(changed, {("clip", clip, name): value})
            for _ in range(number // 50 % 3 if changed else 0):  # undo, redo: by chance both are rare
                self.undo(1 - actor, 0)

    def _clip(self, number: int) -> int | None:
        clips = [clip for clip, _ in self.shelf.all_clips()]
        return clips[number % len(clips)] if clips else None

    def _decided(self, changed: Any, new: dict[Any, Any]) -> None:
        """A verb made a decision, if it changed anything."""
        assert isinstance(changed, bool), changed
        latest = self._latest_entry() if changed else None
        assert self.shelf.decide(latest, new) == changed, (changed, new)

    def _latest_entry(self) -> int:
        return int(self._rows("SELECT max(id) FROM decision")[0][0] or 0)

    @rule(actor=who, number=number)
    def undo(self, actor: int, number: int) -> None:
        """Undo a decision, also an undo, which is a redo; late ones more often."""
        entries = sorted(self.shelf.journal)
        if entries:
            chosen = entries[-1 - int(len(entries) * (number / 1_001) ** 3)]
            self._expected(
                lambda: self.shelf.undo(chosen, self._latest_entry()),
                lambda: self._do(actor, "undo", number=chosen),
                verb_first=True,
            )

    @rule(actor=who, number=number, span=st.sampled_from(SPANS))
    def mark(self, actor: int, number: int, span: tuple[float, float]) -> None:
        """Mark a span of a recording."""
        recordings = [each for each in self.shelf.recordings if each.sound.isdigit()]
        if not recordings:
            return
        recording = recordings[number % len(recordings)]
        before = self._latest_entry()
        answer = self._do(actor, "mark", clip=str(recording.whole), start=span[0], end=span[1])
        known = recording.marks.get(span)
        if known is None and not self.shelf.is_found(recording):
            assert isinstance(answer, dict), answer
            assert answer["error"] == "NotFoundError", answer
            return
        assert isinstance(answer, int), answer
        if known is None:
            recording.marks[span] = known = answer
            self.shelf.values["clip", known, "removed"] = True
        assert known == answer, "the same span is marked twice"
        entry = self._latest_entry()
        made = self.shelf.decide(entry, {("clip", known, "removed"): False})
        assert made == (entry > before)

    @rule(actor=who, number=number)
    def unmark(self, actor: int, number: int) -> None:
        """Remove a mark."""
        marks = [
            clip
            for clip, each in self.shelf.all_clips()
            if clip in each.marks.values() and each.sound.isdigit()
        ]
        if marks:
            clip = marks[number % len(marks)]
            changed = self._do(actor, "unmark", clip=str(clip))
            self._decided(changed, {("clip", clip, "removed"): True})

    @rule(actor=who, number=number)
    def split(self, actor: int, number: int) -> None:
        """Split a recording at its silence."""
        recordings = [each for each in self.shelf.recordings if each.sound.isdigit()]
        if not recordings:
            return
        recording = recordings[number % len(recordings)]
        key = ("recording", recording.whole, "split")
        may = is_split(recording.sound) and self.shelf.is_found(recording) and not self.shelf.value(*key)
        changed = self._do(actor, "split", clip=str(recording.whole))
        assert changed == may, (changed, recording)
        if changed:
            rows = self._rows(
                "SELECT p.id, p.start_frame, p.end_frame FROM clip p JOIN clip w USING (recording_id) "
                "WHERE w.id = ? AND p.kind = 'part' AND NOT p.removed",
                recording.whole,
            )
            assert len(rows) == 2
            for row in rows:
                if row["id"] not in recording.parts:
                    recording.parts.add(row["id"])
                    self.shelf.values["clip", row["id"], "removed"] = True
            value = self._split_of(recording)
            self._decided(changed, {**{("clip", row["id"], "removed"): False for row in rows}, key: value})

    @rule(actor=who, number=number)
    def join(self, actor: int, number: int) -> None:
        """Join the parts of a recording."""
        recordings = [each for each in self.shelf.recordings if each.sound.isdigit()]
        if not recordings:
            return
        recording = recordings[number % len(recordings)]
        changed = self._do(actor, "join", clip=str(recording.whole))
        removed = {("clip", clip, "removed"): True for clip in recording.parts}
        self._decided(changed, {**removed, ("recording", recording.whole, "split"): None})

    def _split_of(self, recording: Recording) -> str | None:
        statement = "SELECT r.split FROM recording r JOIN clip c ON c.recording_id = r.id WHERE c.id = ?"
        found: str | None = self._rows(statement, recording.whole)[0]["split"]
        return found

    # -- songs -------------------------------------------------------------------------------------------------

    @rule(
        actor=who,
        name=st.sampled_from(NAMES[:2]),
        query=st.sampled_from(QUERIES),
        order=st.sampled_from(["rating+", "rating-"]),
    )
    def save_song(self, actor: int, name: str, query: str, order: str) -> None:
        """Make a song, or give it another query and order."""
        before = self._latest_entry()
        answer = self._do(actor, "save", name=name, terms=query, order=order)
        assert isinstance(answer, int), answer
        if answer not in self.shelf.songs:
            self.shelf.songs.add(answer)
            new = {"name": name, "query": query, "order": order, "deleted": True}
            self.shelf.values.update({("song", answer, key): value for key, value in new.items()})
        new = {"deleted": False, "query": query, "order": order}
        entry = self._latest_entry()
        made = self.shelf.decide(entry, {("song", answer, key): value for key, value in new.items()})
        assert made == (entry > before)

    @rule(actor=who, which=number, clip=number, what=st.sampled_from(["add", "drop", "first", "release"]))
    def edit_song(self, actor: int, which: int, clip: int, what: str) -> None:
        """Add a clip to a song by hand, leave one out, put one first, or take these edits back."""
        song, chosen = self._song(which), self._clip(clip)
        if song is None or chosen is None:
            return
        if what == "add" and chosen not in self.shelf.listed():
            return
        if what == "first" and (
            chosen not in self.shelf.members(song)
            or self.shelf.value("song", song, "first") not in (None, chosen)
        ):
            return
        kept = [self.shelf.value("song", song, key) for key in ("added", "dropped")]
        if what == "release" and not (
            any(chosen in (group or ()) for group in kept)
            or self.shelf.value("song", song, "first") == chosen
        ):
            return
        name = self.shelf.value("song", song, "name")
        arguments: dict[str, Any] = {"first": str(chosen)} if what == "first" else {what: [str(chosen)]}
        before = self._latest_entry()
        answer = self._do(actor, "edit", name=name, **arguments)
        assert answer is None, answer
        edits = {key: self.shelf.value("song", song, key) for key in ("added", "dropped", "first")}
        added, dropped = set(edits["added"] or ()), set(edits["dropped"] or ())
        for group in (added, dropped):
            group.discard(chosen)
        if what in ("drop", "release") and edits["first"] == chosen:
            edits["first"] = None
        if what == "first":
            added, dropped = set(edits["added"] or ()), set(edits["dropped"] or ())
            edits["first"] = chosen
        elif what != "release":
            (added if what == "add" else dropped).add(chosen)
        edits |= {"added": tuple(sorted(added)) or None, "dropped": tuple(sorted(dropped)) or None}
        entry = self._latest_entry()
        made = self.shelf.decide(entry, {("song", song, key): value for key, value in edits.items()})
        assert made == (entry > before)

    @rule(actor=who, which=number, folder=st.sampled_from(["out", "lib"]))
    def render(self, actor: int, which: int, folder: str) -> None:
        """Render a song; the file may be in a folder that is ingested."""
        song = self._song(which)
        if song is None:
            return
        name, path = self.shelf.value("song", song, "name"), f"{folder}/song-{song}.wav"
        needs = tuple(self.shelf.recording_of(clip) for clip in self.shelf.sequence(song))
        answer = self._do(actor, "render", name=name, output=str(self.root / path))
        if not needs or not all(map(self.shelf.is_anywhere, needs)):
            assert answer.get("error") == "NotFoundError", answer
        elif "error" in answer:
            assert answer["error"] == "NotFoundError", answer
            assert not all(map(self.shelf.is_found, needs)), answer
        else:
            self._rendered(song, answer, needs, path)

    def _rendered(self, song: int, answer: dict[str, Any], needs: tuple[Recording, ...], path: str) -> None:
        self.shelf.files[path] = Content(None, answer["sha256"])
        new = Rendered(song, answer["number"], answer["sha256"], needs)
        same = [each for each in self.shelf.renderings if (each.song, each.number) == (song, new.number)]
        assert not same or same[0].sha256 == new.sha256, "the same plan gave other bytes"
        if not same:
            self.shelf.renderings.append(new)

    @rule(actor=who, which=number)
    def render_again(self, actor: int, which: int) -> None:
        """Make a rendering again."""
        if self.shelf.renderings:
            self._render_again(self.shelf.renderings[which % len(self.shelf.renderings)], actor)

    def _render_again(self, rendering: Rendered, actor: int) -> None:
        name = self._rows("SELECT name, deleted FROM song WHERE id = ?", rendering.song)[0]
        if name["deleted"]:
            return
        self.outputs += 1
        output = self.root / "out" / f"again-{self.outputs}.wav"
        answer = self._do(actor, "render", name=name["name"], output=str(output), number=rendering.number)
        if not all(map(self.shelf.is_anywhere, rendering.needs)):
            assert answer.get("error") == "NotFoundError", answer
        elif "error" in answer:
            assert answer["error"] == "NotFoundError", answer
            assert not all(map(self.shelf.is_found, rendering.needs)), answer
        else:
            assert rendering.sha256 in ("", answer["sha256"]), "a rendering was made again with other bytes"
            if not rendering.sha256:
                place = self.shelf.renderings.index(rendering)
                self.shelf.renderings[place] = Rendered(
                    rendering.song, rendering.number, answer["sha256"], rendering.needs
                )
            output.unlink()

    def _song(self, which: int) -> int | None:
        songs = self.shelf.present_songs()
        return songs[which % len(songs)] if songs else None

    # -- forget, prune and restore -----------------------------------------------------------------------------

    @rule(actor=who, which=number, whole_folder=st.booleans())
    def forget(self, actor: int, which: int, whole_folder: bool) -> None:
        """Forget a file, or a folder."""
        known = sorted({each.path for each in self.shelf.places if each.recording.sound.isdigit()})
        if not known:
            return
        path = known[which % len(known)]
        path = path.rpartition("/")[0] if whole_folder else path
        self._expected(
            lambda: self.shelf.forget(path, self._latest_entry()),
            lambda: self._do(actor, "forget", path=str(self.root / path)),
            verb_first=True,
        )

    @rule()
    def prune(self) -> None:
        """Move the files of rejected clips to the trash."""
        expected = sorted(str(self.root / each.path) for each in self.shelf.to_prune())
        answer = self._do(1, "prune")
        assert sorted(answer["paths"]) == expected, (answer, expected)
        assert not answer["failures"], answer
        if expected:
            self.shelf.prune(self._latest_entry())

    @precondition(lambda self: self.away is None)
    @rule(which=number)
    def restore(self, which: int) -> None:
        """Take the files of a prune out of the trash."""
        pruned = [key for key, entry in self.shelf.journal.items() if entry.pruned is not None]
        if pruned:
            entry = pruned[which % len(pruned)]
            expected = sorted(str(self.root / path) for path in self.shelf.restore(entry))
            restored = sorted(self._do(1, "restore", entry=entry))
            assert restored == expected, (restored, expected)

    # -- what has to agree -------------------------------------------------------------------------------------

    def _expected(
        self, model: Callable[[], None], verb: Callable[[], Any], *, verb_first: bool = False
    ) -> bool:
        """Run a verb that succeeds, or refuses, as the model does; return whether it succeeds."""
        answer = verb() if verb_first else None
        wanted = None
        try:
            model()
        except Refused as error:
            wanted = str(error)
        answer = answer if verb_first else verb()
        got = answer.get("error") if isinstance(answer, dict) else None
        assert got == wanted, (wanted, answer)
        assert not isinstance(answer, dict) or not answer.get("scoring"), answer
        return wanted is None

    @invariant()
    def agrees(self) -> None:
        """The catalog agrees with the model."""
        type(self).steps += 1
        if not (self.root / "catalog.toml").exists():
            return
        self._check_recordings()
        self._check_clips()
        self._check_journal()
        self._check_rows()
        self._check_songs(self.steps % 2)
        if self.steps % VERIFIED == 0:
            assert self.actors[self.steps // VERIFIED % 2].do("verify") is True
        self.is_scored = False

    def _check_recordings(self) -> None:
        shelf = self.shelf
        present = {
            each.path: (each.recording.whole, each.sha256) for each in shelf.places if not each.missing
        }
        check_equal(self._present(), present)
        rows = self._rows(
            "SELECT c.id, sum(l.missing_since IS NOT NULL) AS missing FROM clip c LEFT JOIN location l "
            "USING (recording_id) WHERE c.kind = 'whole' GROUP BY c.id"
        )
        expected = {
            each.whole: sum(place.missing for place in shelf.places_of(each)) for each in shelf.recordings
        }
        check_equal({row["id"]: row["missing"] or 0 for row in rows}, expected)

    def _check_clips(self) -> None:
        shelf = self.shelf
        rows = {row["id"]: row for row in self._rows("SELECT * FROM clip")}
        check_equal(dict.fromkeys(rows), {clip: None for each in shelf.recordings for clip in each.clips})
        tags: dict[int, list[str]] = {}
        for row in self._rows("SELECT * FROM clip_tag ORDER BY tag"):
            tags.setdefault(row["clip_id"], []).append(row["tag"])
        for clip, row in rows.items():
            for name in ("rating", "rejected", "note", "removed"):
                check_equal({clip: row[name]}, {clip: shelf.value("clip", clip, name)})
            check_equal({clip: tuple(tags.get(clip, ()))}, {clip: shelf.value("clip", clip, "tags")})
        for each in shelf.recordings:
            if each.trim is not None and each.sound.isdigit():
                span = (rows[each.whole]["start_frame"], rows[each.whole]["end_frame"])
                assert self.spans.setdefault((each.sound, each.trim), span) == span, each
            assert self._split_of(each) == shelf.value("recording", each.whole, "split"), each

    def _check_journal(self) -> None:
        rows = self._rows("SELECT id, undoes_id, undone_by_id FROM decision")
        entries = {row["id"]: (row["undoes_id"], row["undone_by_id"]) for row in rows}
        mine = {key: (entry.undoes, entry.undone_by) for key, entry in self.shelf.journal.items()}
        check_equal({key: value for key, value in entries.items() if key not in self.ignored_entries}, mine)

    def _check_rows(self) -> None:
        """Every clip that can be compared has one live row, and no reference leads nowhere."""
        assert not self._rows("PRAGMA foreign_key_check")
        live = [
            row[0]
            for row in self._rows(
                "SELECT s.clip_id FROM score_row s JOIN metric m ON m.id = s.metric_id "
                "WHERE NOT s.retired AND m.name = 'prefix' ORDER BY s.clip_id"
            )
        ]
        wanted = {
            row[0]
            for row in self._rows(
                "SELECT c.id FROM clip c JOIN recording r ON r.id = c.recording_id "
                "WHERE c.fingerprint IS NOT NULL AND NOT c.removed AND r.role = 'generated' "
                "AND coalesce(c.status, r.status) IN ('ok', 'truncated') ORDER BY c.id"
            )
        }
        assert set(live) == wanted if self.is_scored else set(live) <= wanted, (live, wanted)
        assert len(live) == len(set(live))

    def _check_songs(self, actor: int) -> None:
        shelf = self.shelf
        present = {row["id"] for row in self._rows("SELECT id FROM song WHERE NOT deleted")}
        assert present - set(self.ignored_songs) == set(shelf.present_songs())
        assert sorted(self._do(actor, "list")) == sorted(shelf.listed())
        for song in shelf.present_songs():
            got = self._do(actor, "sequence", name=shelf.value("song", song, "name"))
            assert got == shelf.sequence(song), (song, got, shelf.sequence(song))


def differences(present: Mapping[str, tuple[int, str]], shelf: Shelf) -> str:
    """Return how the present places differ from those of a model that does not know the ids of new recordings."""
    ids: dict[int, int] = {}
    expected = {}
    for each in shelf.places:
        if not each.missing:
            clip = each.recording.whole or ids.setdefault(id(each.recording), present.get(each.path, (0,))[0])
            expected[each.path] = (clip, each.sha256)
    return differing(present, expected)


def differing(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> str:
    """Return what differs between the catalog and the model."""
    return "; ".join(
        f"{key}: {found.get(key, 'nothing')} in the catalog, {expected.get(key, 'nothing')} in the model"
        for key in sorted({*found, *expected})
        if found.get(key, ...) != expected.get(key, ...)
    )


def check_equal(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    """Raise AssertionError with what differs between the catalog and the model."""
    what = differing(found, expected)
    assert not what, what
