"""Damaged documents of every kind that commands read: settings, manifests, sidecars, playlists, labels, tags.

Each is read, or refused in one sentence, in bounded time. Nothing is written outside of the target folder.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.catalog.tagged_files import GRAPH, bext, id3, info, wav
from tests.fuzz.mutations import mutated
from tests.fuzz.sandbox import Sandbox, odd_text
from tests.fuzz.texts import damaged_json, damaged_text
from tests.support import ROOT
from thresher.catalog.provenance.file_tags import read_tags
from thresher.catalog.provenance.name_patterns import PATTERNS
from thresher.catalog.provenance.provenance import infer
from thresher.catalog.provenance.recipe_templates import RecipeTemplate, parse_template
from thresher.catalog.provenance.tag_values import read_stated
from thresher.catalog.settings.config import STARTER
from thresher.curation.renderings.manifest import _validated, plan_of
from thresher.curation.renderings.plan import plan_sha256
from thresher.errors import ThresherError

CLIP = "clips/night_epoch_1.wav"

SIDECARS = (
    {"prompt": {"id": 1, "text": "slow rain"}, "seed": 2**63, "temp": 0.95, "epoch": 12, "tags": ["a", None]},
    {"generation_args": {"cfg_coef": 3.0}, "conditioning": {"description": "drums"}, "duration": 30},
    {"argv": ["generate.py", "--seed", "7", "--temperature=0.8"], "step": "120k"},
)
PLAYLISTS = (
    b"#EXTM3U\n#EXTINF:3,one\nclips/night_epoch_1.wav\nclips/night_epoch_2.wav\n",
    b"1\n2\n# a comment\nclips/night_epoch_3.wav\n",
    b"[playlist]\nFile1=clips/night_epoch_1.wav\nTitle1=x\nFile2=clips%2Fnight_epoch_2.wav\nNumberOfEntries=2\n",
    b'<?xml version="1.0"?>\n<playlist><trackList><track><location>clips/night_epoch_1.wav</location></track>'
    b"<track><location>file:///C:/clips/night_epoch_2.wav</location></track></trackList></playlist>\n",
    b"#EXTM3U\n#EXTVLCOPT:start-time=0.5\n#EXTVLCOPT:stop-time=2.5\nclips\\night_epoch_1.wav\n",
)
LABELS = (
    b"0.000000\t1.500000\tdrop\n1.0\t1.0\tpoint\n\\\t100.0\t2000.0\n1.5\t2.5\trise\n",
    b"0,5\t1,5\tkomma\n2.0 2.9 blanks\n",
)
TEMPLATES = (
    "python generate.py --checkpoint {checkpoint} --seed {seed} --temperature {temperature}",
    "cd '/a b' && ./run {epoch:04} {{literal}} {prompt} > out.wav",
)
VALUES = ("7", "it's", "a b", "$(id)", "`id`", "\n", "-rf", "~", "*", "é", "\x1b[0m", "0012")


@dataclass(frozen=True)
class DocumentCase:
    """A document, and the kind of it."""

    kind: str
    content: bytes


class Documents(Sandbox):
    """Damaged settings, manifests, sidecars, playlists, labels, tags and templates."""

    name = "documents"
    count = 5_000

    def __init__(self, folder: Path, shared: Path) -> None:
        super().__init__(folder, shared)
        self._manifest = (self.home / "bone.wav.manifest.json").read_bytes()
        self._exported = (shared / "curation.jsonl").read_bytes()
        self._checks: Mapping[str, Callable[[bytes], None]] = {
            "settings": self._settings,
            "manifest": self._reproduce,
            "manifest without -o": self._reproduce_here,
            "manifest with its digest": self._reproduce_sealed,
            "curation": self._curation,
            "sidecar": self._sidecar,
            "playlist": self._playlist,
            "labels": self._labels,
            "tags": self._tags,
            "template": self._template,
            "cover": self._cover,
        }

    def make(self, chance: random.Random) -> DocumentCase:
        """Return a damaged document of any kind."""
        kind = chance.choice(list(self._checks))
        if kind == "settings":
            example = (ROOT / "catalog.example.toml").read_bytes()
            short = b"".join(line for line in example.splitlines(keepends=True) if line[:1] != b"#")
            return DocumentCase(kind, damaged_text(chance.choice((STARTER.encode(), short, short)), chance))
        if kind.startswith("manifest"):
            return DocumentCase(kind, damaged_json(self._manifest, chance))
        if kind == "curation":
            return DocumentCase(kind, _damaged_lines(self._exported, chance))
        if kind == "sidecar":
            return DocumentCase(kind, damaged_json(json.dumps(chance.choice(SIDECARS)).encode(), chance))
        if kind == "playlist":
            return DocumentCase(kind, damaged_text(chance.choice(PLAYLISTS), chance))
        if kind == "labels":
            return DocumentCase(kind, damaged_text(chance.choice(LABELS), chance))
        if kind == "template":
            return DocumentCase(kind, damaged_text(chance.choice(TEMPLATES).encode(), chance))
        if kind == "cover":
            return DocumentCase(kind, mutated(_picture(), [], chance))
        return DocumentCase(kind, _tagged(chance))

    def check(self, case: DocumentCase) -> None:
        """Let thresher read the document."""
        try:
            self._checks[case.kind](case.content)
        finally:
            self.restored()

    def store(self, case: DocumentCase, folder: Path) -> None:
        """Write the document as it was read."""
        (folder / case.kind).write_bytes(case.content)

    def _settings(self, content: bytes) -> None:
        file = self.home / "catalog.toml"
        before = file.stat()
        kept = file.read_bytes()
        file.write_bytes(content)
        try:
            self.command("list", "--json")
            self.command("names", "clips")
        finally:
            file.write_bytes(kept)
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def _reproduce(self, content: bytes) -> None:
        (self.home / "out" / "manifest.json").write_bytes(content)
        self.command("song", "reproduce", "out/manifest.json", "--files", "clips", "-o", "out/song.wav")

    def _reproduce_here(self, content: bytes) -> None:
        (self.home / "out" / "manifest.json").write_bytes(content)
        self.command("song", "reproduce", "manifest.json", "--files", "../clips", cwd=self.home / "out")

    def _reproduce_sealed(self, content: bytes) -> None:
        """Give the manifest the digest of what it says now, as somebody would who means harm."""
        file = self.home / "out" / "manifest.json"
        file.write_bytes(content)
        with suppress(ThresherError, UnicodeEncodeError):
            manifest = _validated(file)
            digest = plan_sha256(plan_of(manifest), manifest.output.container, manifest.output.subtype)
            content = json.dumps({**json.loads(content), "plan_sha256": digest}).encode()
        self._reproduce_here(content)

    def _curation(self, content: bytes) -> None:
        (self.home / "out" / "curation.jsonl").write_bytes(content)
        self.command("import-catalog", "out/curation.jsonl", "--dry-run", "--json")
        if self.command("import-catalog", "out/curation.jsonl", "--replace").returncode == 0:
            self.command("list", "--json")
            self.command("song", "show", "Bone")
            self.command("undo")

    def _sidecar(self, content: bytes) -> None:
        file = self.home / "out" / "night_epoch_1.wav"
        shutil.copy(self.home / CLIP, file)
        file.with_name(f"{file.name}.json").write_bytes(content)
        values, warning = read_stated(os.fsencode(file))
        for name, text in values.items():
            (name + text).encode()
        assert warning is None or warning.strip()
        infer(os.fsencode(file), patterns=PATTERNS, sidecar=values)

    def _playlist(self, content: bytes) -> None:
        # beside the catalog, as people have them: its paths are relative to its folder
        file = self.home / "out" / "list"
        file.write_bytes(content.replace(b"clips", b"../clips"))
        self.command("song", "save", "Listed", "--order", "manual", "--from", "out/list")

    def _labels(self, content: bytes) -> None:
        (self.home / "out" / "labels.txt").write_bytes(content)
        self.command("mark", "2", "--labels", "out/labels.txt")

    def _tags(self, content: bytes) -> None:
        file = self.home / "out" / "tagged"
        file.write_bytes(content)
        for tag in read_tags(os.fsencode(file)).tags:
            (tag.name + tag.text).encode()
        read_stated(os.fsencode(file))

    def _template(self, content: bytes) -> None:
        text = content.decode("utf-8", "replace")
        with suppress(ValueError):
            command = parse_template(text)
            template = RecipeTemplate("x", command)
            values = dict(zip(template.names, VALUES * (1 + len(template.names)), strict=False))
            filled, missing = template.filled(values)
            assert filled is not None
            assert not missing
            for value in values.values():
                assert not value.isprintable() or shlex.quote(value) in filled

    def _cover(self, content: bytes) -> None:
        (self.home / "out" / "cover.png").write_bytes(content)
        self.command("song", "save", "Bone", "--cover", "out/cover.png")


def _damaged_lines(content: bytes, chance: random.Random) -> bytes:
    """Damage one object of a file of JSON lines, or its text."""
    if chance.random() < 0.3:
        return damaged_text(content, chance)
    lines = content.splitlines()
    at = chance.randrange(len(lines))
    lines[at] = damaged_json(lines[at], chance)
    return b"\n".join(lines) + b"\n"


def _picture() -> bytes:
    """Return a small PNG."""
    return bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360000002000001"
        "e221bc330000000049454e44ae426082"
    )


def _tagged(chance: random.Random) -> bytes:
    """Return a WAV or MPEG file with damaged tags."""
    graph = json.dumps(GRAPH)
    makers = (
        lambda: wav(
            info(ICMT="seed: 7, temperature=0.9", ISFT=odd_text(chance).replace("\ud800", "")), seconds=0.1
        ),
        lambda: wav(bext("python generate.py --seed 7", "A=PCM"), seconds=0.1),
        lambda: wav(after=info(ICMT=graph), seconds=0.1),
        lambda: id3(prompt=graph, seed="7", comment="epoch: 12") + bytes(64),
    )
    with suppress(UnicodeEncodeError):
        return mutated(chance.choice(makers)(), [graph.encode()], chance)
    return b""
