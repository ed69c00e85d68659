"""Odd names of files, songs, tags, notes and queries, through the commands that people type them into."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.sandbox import Sandbox, odd_text
from tests.fuzz.target import promise

SUFFIXES = (b".wav", b".WAV", b".flac", b".wav.wav", b"")


@dataclass(frozen=True)
class NameCase:
    """An odd text, as an argument of a command, or an odd name of a file; and what to do with it."""

    use: str
    text: str
    file: bytes


class Names(Sandbox):
    """Odd names in commands."""

    name = "names"
    count = 1_000

    def __init__(self, folder: Path, shared: Path) -> None:
        super().__init__(folder, shared)
        self._uses: Mapping[str, Callable[[NameCase], None]] = {
            "file": self._file,
            "song": self._song,
            "tag": self._tag,
            "note": self._note,
            "query": self._query,
            "saved query": self._saved_query,
            "mark": self._mark,
            "path": self._path,
            "output": self._output,
            "exclude": self._exclude,
        }

    def make(self, chance: random.Random) -> NameCase:
        """Return an odd name and its use. No argument of a program can hold a NUL."""
        text = odd_text(chance).replace("\0", "")
        text = "".join(c for c in text if not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff")
        raw = os.fsencode(text) if chance.random() < 0.6 else chance.randbytes(chance.randrange(1, 40))
        name = raw.replace(b"/", b"_").replace(b"\0", b"_")[:240] + chance.choice(SUFFIXES)
        return NameCase(chance.choice(list(self._uses)), text, name)

    def check(self, case: NameCase) -> None:
        """Run the commands that take such a name."""
        try:
            self._uses[case.use](case)
        finally:
            self.restored()

    def store(self, case: NameCase, folder: Path) -> None:
        """Write the name as Python text."""
        (folder / "name.txt").write_text(f"{case.use}\n{case.text!a}\n{case.file!a}\n")

    def _file(self, case: NameCase) -> None:
        if case.file in (b".", b".."):
            return
        os.symlink("none", self.home / "out" / "broken.wav")
        shutil.copy(
            os.fsencode(self.home / "clips/night_epoch_0.wav"),
            os.fsencode(self.home / "out") + b"/" + case.file,
        )
        self.command("ingest", "out", "--no-score", "--json")
        for form in ("table", "json", "csv", "jsonl"):
            self.command("list", "--format", form)
        self.command("show", "1")
        self.command("stats")

    def _song(self, case: NameCase) -> None:
        saved = self.command("song", "save", "--", case.text, "id:1..3")
        for word in ("show", "renderings", "diff", "delete"):
            done = self.command("song", word, "--", case.text)
            is_wrong = saved.returncode == 0 and done.returncode != 0 and word != "diff"
            promise(not is_wrong, f"song {word} {case.text!a}: {done.stderr}")
        self.command("song", "list")
        self.command("history")

    def _tag(self, case: NameCase) -> None:
        self.command("tag", f"--add={case.text}", "1")
        self.command("list", "--format", "table")
        self.command("list", "--", f"tag:{case.text}")
        self.command("undo")

    def _note(self, case: NameCase) -> None:
        self.command("note", "--", "1", case.text)
        self.command("show", "1")
        self.command("list", "note:", "--json")

    def _query(self, case: NameCase) -> None:
        self.command("list", "--", case.text)
        self.command("rate", "--dry-run", "--", case.text, "3")

    def _saved_query(self, case: NameCase) -> None:
        self.command("query", "save", "--", case.text, "rating:3..")
        self.command("query", "list")
        self.command("list", "--", f"query:{case.text}")

    def _mark(self, case: NameCase) -> None:
        self.command("mark", f"--name={case.text}", "--", "1", "0.5", "1.5")
        self.command("list", "kind:marked")
        self.command("mark", "1", "--export", "out/labels.txt")

    def _path(self, case: NameCase) -> None:
        self.command("show", "--", case.text)
        self.command("ingest", "--dry-run", "--", f"clips/{case.text}")
        self.command("near", "--", f"./{case.text}")

    def _output(self, case: NameCase) -> None:
        name = case.text.replace("/", "_")
        if name == "..":  # not in the folder out
            return
        self.command("song", "export", "Bone", f"out/{name}.cue")
        self.command("song", "render", "Bone", "--dry-run", "-o", f"out/{name}.wav")
        self.command("export", f"--to=out/{name}", "1")

    def _exclude(self, case: NameCase) -> None:
        self.command("ingest", "--dry-run", f"--exclude={case.text}", "--", "clips")
