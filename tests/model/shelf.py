"""The model: what DESIGN promises that a catalog knows, in plain Python, without SQL, files or sound.

Paths are text, relative to the catalog's folder. Clips are named by the ids that the catalog gives them. A `Shelf`
changes as the catalog should; the machine compares the two after every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.model.sounds import Content

FEW = 10
"""If an ingest finds at least this many files of a folder gone, and more than half of them, it asks first."""

Key = tuple[str, int, str]
"""What a decision changes: entity, id, field."""

DEFAULTS: Mapping[str, Any] = {"rating": None, "rejected": False, "note": None, "tags": (), "removed": False}


class Refused(Exception):  # noqa: N818  what the catalog must do, not an error of the model
    """The command must refuse, with an error of this type."""


@dataclass(eq=False)
class Recording:
    """A distinct audio content. `whole` is the id of its whole clip, 0 until the catalog has given one.

    `first` is the content of its first file. `trim` is the number of the trim settings of its last analysis, None
    if it is not known. A recording that the running ingest has added is `fresh`.
    """

    sound: str
    first: str
    trim: int | None
    whole: int = 0
    fresh: bool = True
    usable: bool = True
    parts: set[int] = field(default_factory=set)
    marks: dict[tuple[float, float], int] = field(default_factory=dict)

    @property
    def clips(self) -> set[int]:
        """The ids of all of its clips, removed ones included."""
        return {self.whole, *self.parts, *self.marks.values()}


@dataclass(eq=False)
class Place:
    """A path at which a recording was seen; `sha256` is that of the file's bytes then."""

    path: str
    recording: Recording
    sha256: str
    missing: bool = False


@dataclass(eq=False)
class Entry:
    """An entry of the journal: a decision with the value of each field before and after, or an event."""

    changes: dict[Key, tuple[Any, Any]]
    undoes: int | None = None
    undone_by: int | None = None
    pruned: list[Place] | None = None
    is_event: bool = False


def _field(key: Key) -> Key:
    """The field of the journal that a value is in: all edits of a song are one."""
    entity, number, name = key
    return (entity, number, "edits") if name in ("added", "dropped", "first") else key


@dataclass(frozen=True)
class Rendered:
    """A rendering: the song, its number, and the recordings that it needs."""

    song: int
    number: int
    sha256: str
    needs: tuple[Recording, ...]


class Shelf:
    """What a catalog knows. `files` are those on the disk by path; an ingest looks at them."""

    def __init__(self) -> None:
        self.files: dict[str, Content] = {}
        self.trash: dict[str, list[Content]] = {}
        self.places: list[Place] = []
        self.recordings: list[Recording] = []
        self.values: dict[Key, Any] = {}
        self.journal: dict[int, Entry] = {}
        self.songs: set[int] = set()
        self.renderings: list[Rendered] = []
        self.trim = 0

    # -- files and recordings --------------------------------------------------------------------------------

    def at(self, path: str) -> Place | None:
        """The present place at a path."""
        return next((each for each in self.places if each.path == path and not each.missing), None)

    def places_of(self, recording: Recording) -> list[Place]:
        """All places of a recording, the earliest first."""
        return [each for each in self.places if each.recording is recording]

    def is_missing(self, recording: Recording) -> bool:
        """Whether no file with the recording is known to exist."""
        return all(each.missing for each in self.places_of(recording))

    def is_found(self, recording: Recording) -> bool:
        """Whether a file is where the recording was seen, and holds what it held then."""
        return any(self._holds(each) for each in self.places_of(recording))

    def is_anywhere(self, recording: Recording) -> bool:
        """Whether any file on the disk holds the audio."""
        return any(each.sound == recording.sound for each in self.files.values())

    def _holds(self, place: Place) -> bool:
        now = self.files.get(place.path)
        return now is not None and now.sha256 == place.sha256

    def is_output(self, content: Content) -> bool:
        """Whether a content is that of a rendering."""
        return content.sound is None

    # -- ingest ----------------------------------------------------------------------------------------------

    def ingest(self, folder: str, found: Mapping[str, int], *, exists: bool = True, yes: bool = True) -> None:
        """Bring the catalog up to date with a folder. It does not exist if a drive was unplugged.

        `found` are the whole clips at the present paths afterwards. They decide only which of several recordings
        with the same audio a further file with that audio joins: all of them are right.
        """
        known = [each for each in self.places if not each.missing and inside(each.path, folder)]
        if not exists and not known:
            raise Refused("NotFoundError")
        for path in sorted(filter(lambda path: inside(path, folder), self.files), key=str.encode):
            self._see(path, self.files[path], folder, found.get(path))
        gone = [each for each in known if not each.missing and each.path not in self.files]
        here = [each for each in known if not each.missing and inside(each.path, folder)]
        most = len(gone) >= FEW and 2 * (len(here) - len(gone)) < len(here)
        if yes or (exists and not most):
            for each in gone:
                each.missing = True
        for recording in self.recordings:
            recording.fresh = False

    def _see(self, path: str, content: Content, folder: str, found: int | None) -> None:
        here = self.at(path)
        if self.is_output(content):
            if here is not None:
                here.missing = True
            return
        recording = self._owner(content, here, folder, found)
        recording.trim = self.trim
        if here is not None and here.recording is recording:
            here.sha256 = content.sha256
            return
        if here is not None:  # other audio is at the path now
            here.missing = True
        former = self._former(path, recording, folder)
        if former is None:
            self.places.append(Place(path, recording, content.sha256))
        else:
            former.path, former.sha256, former.missing = path, content.sha256, False

    def _owner(self, content: Content, here: Place | None, folder: str, found: int | None) -> Recording:
        """The recording that a file holds; a new one if the catalog does not know its audio."""
        for each in self.recordings:
            if each.first == content.sha256:
                return each
        for each in self.recordings:
            if any(place.sha256 == content.sha256 for place in self.places_of(each)):
                return each
        same = [each for each in self.recordings if each.sound == content.sound]
        if here is not None and here.recording in same:
            return here.recording
        known = [each for each in same if not each.fresh or self._is_gone(each, folder)]
        if known:
            return next((each for each in known if each.whole == found), known[0])
        recording = Recording(content.sound or "", content.sha256, self.trim)
        self.recordings.append(recording)
        return recording

    def _is_gone(self, recording: Recording, folder: str) -> bool:
        return all(map(self._left(folder), self.places_of(recording)))

    def _former(self, path: str, recording: Recording, folder: str) -> Place | None:
        """The place that a recording has left for a path: one of the same path or name, else the earliest."""
        left = [each for each in self.places_of(recording) if self._left(folder)(each)]
        left.sort(key=lambda each: (each.path != path, name_of(each.path) != name_of(path)))
        return left[0] if left else None

    def _left(self, folder: str) -> Any:
        """Whether a recording has left a place. A file below `folder` is read: its tags may have changed."""

        def has_left(place: Place) -> bool:
            now = self.files.get(place.path)
            if place.missing or now is None:
                return True
            if inside(place.path, folder):
                return now.sound != place.recording.sound
            return now.sha256 != place.sha256

        return has_left

    # -- decisions -------------------------------------------------------------------------------------------

    def value(self, entity: str, number: int, name: str) -> Any:
        """What was decided about a field."""
        return self.values.get((entity, number, name), DEFAULTS.get(name))

    def decide(self, number: int | None, new: Mapping[Key, Any], undoes: int | None = None) -> bool:
        """Set fields; the decision gets a `number`. Without a change there is no decision."""
        changes = {
            key: (before, after)
            for key, after in new.items()
            if (before := self.value(*key)) != after and self.is_alive(key)
        }
        if changes:
            assert number is not None
            assert number not in self.journal, f"no decision changed {changes}"
            self.values.update({key: after for key, (_, after) in changes.items()})
            self.journal[number] = Entry(changes, undoes)
        return bool(changes)

    def is_alive(self, key: Key) -> bool:
        """Whether what a decision is about was not forgotten."""
        entity, number, _ = key
        if entity == "clip":
            return any(number in each.clips for each in self.recordings)
        return entity == "song" or any(each.whole == number for each in self.recordings)

    def undo(self, number: int, by: int) -> None:
        """Revert a decision, which may be an undo, unless a later one in force changed the same fields."""
        target = self.journal[number]
        if target.is_event:
            raise Refused("NothingToRevertError")
        if target.undone_by is not None:
            raise Refused("UndoneAlreadyError")
        if self._later(number):
            raise Refused("ChangedLaterError")
        new = {key: before for key, (before, _) in target.changes.items()}
        self._check_names(new)
        if not self.decide(by, new, undoes=number):
            raise Refused("NothingToRevertError")
        undone: int | None = number
        undone_by: int | None = by
        while undone is not None:  # the undo of an undo puts the first decision in force again
            self.journal[undone].undone_by = undone_by
            undone_by = undone if undone_by is None else None
            undone = self.journal[undone].undoes

    def _later(self, number: int) -> bool:
        fields = set(map(_field, self.journal[number].changes))
        return any(
            later > number
            and entry.undone_by is None
            and (entry.undoes is None or entry.undoes < number)
            and fields & set(map(_field, entry.changes))
            for later, entry in self.journal.items()
        )

    def _check_names(self, new: Mapping[Key, Any]) -> None:
        """Two songs can't have one name."""
        for (entity, number, name), value in new.items():
            if (entity, name, value) == ("song", "deleted", False) and self.value("song", number, "deleted"):
                wanted = self.value("song", number, "name")
                if any(self.value("song", each, "name") == wanted for each in self.present_songs()):
                    raise Refused("UsageError")

    # -- clips -----------------------------------------------------------------------------------------------

    def recording_of(self, clip: int) -> Recording:
        """The recording that contains a clip."""
        return next(each for each in self.recordings if clip in each.clips)

    def all_clips(self) -> Iterator[tuple[int, Recording]]:
        """All clips that no split, join or unmark took away, with their recordings."""
        for each in self.recordings:
            for clip in sorted(each.clips):
                if not self.value("clip", clip, "removed"):
                    yield clip, each

    def shown(self) -> dict[int, Recording]:
        """The clips that count: those of `all_clips` without the wholes of split recordings."""
        return {
            clip: each
            for clip, each in self.all_clips()
            if clip != each.whole or not self.value("recording", each.whole, "split")
        }

    def listed(self) -> set[int]:
        """The clips that a listing shows."""
        return {
            clip
            for clip, each in self.shown().items()
            if each.usable and not self.value("clip", clip, "rejected")
        }

    def is_judged(self, recording: Recording) -> bool:
        """Whether anything was decided about a clip of a recording."""
        names = ("rating", "rejected", "note", "tags")
        return any(
            self.value("clip", clip, name) != DEFAULTS[name] for clip in recording.clips for name in names
        ) or any(not self.value("clip", clip, "removed") for clip in recording.marks.values())

    def is_rendered(self, recording: Recording) -> bool:
        """Whether a rendering needs a recording."""
        return any(recording in each.needs for each in self.renderings)

    # -- songs -----------------------------------------------------------------------------------------------

    def present_songs(self) -> list[int]:
        """The songs that are not deleted."""
        return sorted(each for each in self.songs if not self.value("song", each, "deleted"))

    def members(self, song: int) -> set[int]:
        """The clips of a song today."""
        term = self.value("song", song, "query")
        added, dropped = (self.value("song", song, name) or () for name in ("added", "dropped"))
        return {
            clip
            for clip in self.listed() | {clip for clip in added if self._may_be_added(clip)}
            if clip in added
            or (clip not in dropped and self._matches(clip, term) and not self._is_overwritten(clip, term))
        }

    def _may_be_added(self, clip: int) -> bool:
        """Whether a song may contain a clip that was added by hand, which may be the whole of a split recording."""
        known = dict(self.all_clips())
        return clip in known and known[clip].usable and not self.value("clip", clip, "rejected")

    def _matches(self, clip: int, term: str) -> bool:
        rating = self.value("clip", clip, "rating")
        match term:
            case "rating:3..":
                return rating is not None and rating >= 3
            case "tag:riff":
                return "riff" in self.value("clip", clip, "tags")
            case "missing:no":
                return not self.is_missing(self.recording_of(clip))
            case "kind:marked":
                return clip in self.recording_of(clip).marks.values()
        return term == ""

    def _is_overwritten(self, clip: int, term: str) -> bool:
        recording = self.recording_of(clip)
        lost = {each.path for each in self.places_of(recording)}
        present = {each.path for each in self.places if not each.missing}
        return "missing" not in term and self.is_missing(recording) and bool(lost & present)

    def sequence(self, song: int) -> list[int]:
        """The clips of a song in the order of their ratings; without a rating, and of one rating, by id."""
        order = self.value("song", song, "order")
        up = order == "rating+"

        def rank(clip: int) -> tuple[Any, ...]:
            rating = self.value("clip", clip, "rating")
            return rating is None, (rating or 0) if up else -(rating or 0), clip

        clips = sorted(self.members(song), key=rank)
        first = self.value("song", song, "first")
        return sorted(clips, key=lambda clip: clip != first)

    # -- forget and prune ------------------------------------------------------------------------------------

    def forget(self, folder: str, number: int) -> None:
        """Forget the places below a folder, and recordings without any other, unless work was put into them."""
        found = [each for each in self.places if each.path == folder or inside(each.path, folder)]
        if not found:
            raise Refused("NotFoundError")
        dropped: list[Place] = []
        absent: list[Place] = []
        for recording in {id(each.recording): each.recording for each in found}.values():
            every = self.places_of(recording)
            here = [each for each in every if each in found]
            if len(here) < len(every):
                dropped += here
            elif self.is_judged(recording) or self.is_rendered(recording):
                absent += [each for each in here if not each.missing]
            else:
                dropped += here
                self.recordings.remove(recording)
        for each in absent:
            each.missing = True
        self.places = [each for each in self.places if each not in dropped]
        if dropped or absent:  # else nothing happened
            self.journal[number] = Entry({}, is_event=True)

    def to_prune(self) -> list[Place]:
        """The places whose files a prune moves: of recordings all of whose clips are rejected, in no rendering."""
        shown = self.shown()
        rejected = {each.whole: each for clip, each in shown.items() if self.value("clip", clip, "rejected")}
        kept = {each.whole for clip, each in shown.items() if not self.value("clip", clip, "rejected")}
        return [
            place
            for whole, each in rejected.items()
            if whole not in kept and not self.is_rendered(each)
            for place in self.places_of(each)
            if not place.missing and self._holds(place)
        ]

    def prune(self, number: int) -> None:
        """Move these files to the trash."""
        pruned = self.to_prune()
        for place in pruned:
            self.trash.setdefault(place.path, []).append(self.files.pop(place.path))
            place.missing = True
        self.journal[number] = Entry({}, is_event=True, pruned=pruned)

    def restore(self, number: int) -> list[str]:
        """Take the files of a prune out of the trash again; return their paths, also of those that are there."""
        restored = []
        for place in self.journal[number].pruned or ():
            if place not in self.places or not place.missing:
                continue
            held = [each for each in self.trash.get(place.path, ()) if each.sha256 == place.sha256]
            if held and place.path not in self.files:
                self.files[place.path] = held[0]
                self.trash[place.path].remove(held[0])
            if self._holds(place):
                restored.append(place.path)
        return restored


def inside(path: str, folder: str) -> bool:
    """Whether a path is below a folder."""
    return folder == "." or path.startswith(f"{folder}/")


def name_of(path: str) -> str:
    """The name of a file."""
    return path.rpartition("/")[2]
