"""A small catalog that commands of the fuzzer run in, and what every command promises."""

from __future__ import annotations

import json
import random
import re
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import soundfile

from tests.fuzz.target import Target
from tests.support import Finished, riff, run_command
from thresher.catalog.catalog import Catalog
from thresher.curation.backups.export_catalog import export_catalog
from thresher.curation.clips.decisions import rate, tag
from thresher.curation.cutting.marks import mark
from thresher.curation.ingest.ingest import ingest
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song

CODES = (0, 1, 2, 3, 4, 5)
"""The exit codes of a command that no signal ends."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FORBIDDEN = ("error: unexpected", "Traceback", "Error:")


class Sandbox(Target):
    """Cases that run commands in a folder with a catalog. Only `out/` and the catalog may change."""

    seconds = 15.0

    def __init__(self, folder: Path, shared: Path) -> None:
        super().__init__(folder, shared)
        self.home = folder / "home"
        shutil.copytree(shared / "home", self.home, copy_function=shutil.copy2)
        self._before = self._tree()

    @classmethod
    def prepare(cls, shared: Path) -> None:
        """Make a catalog of four clips, with a song that was rendered with a manifest."""
        home = shared / "home"
        (home / "clips").mkdir(parents=True)
        for number in range(4):
            y = riff(number, 3.0)[::2]
            soundfile.write(home / "clips" / f"night_epoch_{number}.wav", np.asarray(y), 8_000, "PCM_16")
        (home / "catalog.toml").write_text('[ingest]\nexecutor = "serial"\n')
        with closing(Catalog.create(home)) as catalog:
            ingest(catalog, [home / "clips"])
            save_song(catalog, "Bone", [], {"ordering": "id+"})
            render(catalog, "Bone", home / "bone.wav", manifest=True)
            rate(catalog, "1", 4)
            tag(catalog, "1", add=["riff"])
            mark(catalog, "2", 0.5, 1.5, name="drop")
            export_catalog(catalog, shared / "curation.jsonl")
        (home / "out").mkdir()
        shutil.copy(home / "catalog.db", shared / "catalog.db")

    def command(self, *arguments: str | Path, cwd: Path | None = None) -> Finished:
        """Run thresher in the folder, and check its exit code and what it prints."""
        done = run_command(*arguments, cwd=cwd or self.home)
        shown = (
            f"{[str(each) for each in arguments]!a:.300} ended with {done.returncode}: {done.stderr!a:.500}"
        )
        assert done.returncode in CODES, shown
        assert not any(word in done.stderr for word in _FORBIDDEN), shown
        is_own_mistake = "no such option" in done.stderr and "--" in arguments
        assert not is_own_mistake, f"the fuzzer calls it in a wrong way: {shown}"
        assert not _CONTROLS.search(done.stderr), f"control characters: {shown}"
        assert done.returncode not in (1, 2, 3, 4) or done.stderr.strip(), f"no word about it: {shown}"
        if "--json" in arguments and done.returncode == 0:
            json.loads(done.stdout)
        elif "csv" not in arguments:
            assert not _CONTROLS.search(done.stdout), f"control characters: {done.stdout!a:.500}"
        return done

    def restored(self) -> None:
        """Check that nothing outside of `out/` has changed, and make the folder as it was."""
        now = self._tree()
        changed = {
            path for path in now.keys() | self._before.keys() if now.get(path) != self._before.get(path)
        }
        shutil.rmtree(self.home / "out")
        (self.home / "out").mkdir()
        for path in self.home.glob("catalog.db-*"):
            path.unlink()
        shutil.copy(self.shared / "catalog.db", self.home / "catalog.db")
        if changed:
            shutil.rmtree(self.home)
            shutil.copytree(self.shared / "home", self.home, copy_function=shutil.copy2)
            self._before = self._tree()
        assert not changed, f"written outside of the target: {sorted(changed)}"

    def _tree(self) -> dict[str, tuple[int, int]]:
        """Return size and time of every file below the worker's folder that commands may not change."""
        found = {}
        for path in self.folder.rglob("*"):
            inside = path.relative_to(self.folder)
            if path.name.startswith("catalog.db") or inside.parts[:2] == ("home", "out") or path.is_dir():
                continue
            now = path.lstat()
            found[str(inside)] = (now.st_size, now.st_mtime_ns)
        return found


ODD_TEXTS = (
    *(
        "",
        " ",
        ".",
        "..",
        "/",
        "-",
        "--",
        "-x",
        "~",
        "*",
        "?",
        "%",
        "\\",
        "'",
        '"',
        "`id`",
        "$(id)",
        "a;b",
        "#1",
        "^",
        ",",
    ),
    *(
        "../x",
        "../../../../x",
        "/etc/passwd",
        "/dev/stdin",
        "CON",
        "nul\0byte",
        "new\nline",
        "tab\tstop",
        "\r",
        "\x1b[31m",
    ),
    *(
        "\x9b31m",
        "\x7f",
        "\u202eright",
        "\u200b",
        "\ufeff",
        "e\N{COMBINING ACUTE ACCENT}",
        "é",
        "ﬀ",
        "İ",
        "🦈",
        "魚" * 80,
    ),
    *(
        "\ud800",
        "\udcff",
        "\U0010ffff",
        "<script>alert(1)</script>",
        "&amp;",
        "{{x}}",
        "{seed}",
        "%s%n",
        "x" * 255,
    ),
    *(
        "x" * 256,
        "é" * 130,
        "x" * 5_000,
        "a/b",
        "yes",
        "null",
        "NaN",
        "1e999",
        "-1",
        "9" * 30,
        "0x1",
        "id+",
        "or",
        "song:Bone",
    ),
)
"""Texts that are odd as a name, a tag, a note or a value."""


def odd_text(chance: random.Random) -> str:
    """Return a text that programs may trip over."""
    if chance.random() < 0.6:
        return chance.choice(ODD_TEXTS)
    if chance.random() < 0.5:
        return chance.choice(ODD_TEXTS) + chance.choice(ODD_TEXTS)
    return "".join(
        chr(chance.choice((chance.randrange(0x100), chance.randrange(0x3000), chance.randrange(0x110000))))
        for _ in range(chance.randrange(1, 20))
    )
