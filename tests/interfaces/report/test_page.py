"""The page and the figures of a report, without a browser: their bytes, links and escapes; what is not replaced."""

from __future__ import annotations

import html
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest

from tests.support import MakeSound, WriteClip, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import checkpoint
from thresher.curation.clips.decisions import note, rate, tag
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.songs import save_song
from thresher.errors import NotFoundError, UsageError
from thresher.interfaces.report import view
from thresher.interfaces.report.page import write_report

NASTY = "<script>alert(1)</script>&\"'"
NAMES = [
    b"a b#c?d%e.wav",
    b"quo\"te's.wav",
    b"new\nline.wav",
    b"not-utf8-\xff\xfe.wav",
    "sharp ♯ and 🎸.wav".encode(),
    b"<img src=x onerror=alert(1)>.wav",
    b"12:40.wav",
    b"%41.wav",
]


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, and its identifiers."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = file.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def values(self, tag: str, name: str) -> list[str]:
        return [value for found, held in self.tags if found == tag and (value := held.get(name)) is not None]


def opened(url: str, folder: Path) -> bytes:
    """The path of the file that a relative URL leads to."""
    parts = urlsplit(url)
    assert not parts.scheme
    assert not parts.netloc
    return os.path.normpath(os.path.join(os.fsencode(folder), unquote_to_bytes(parts.path)))


@pytest.mark.long
def test_the_same_catalog_gives_the_same_bytes(trained: Catalog, tmp_path: Path) -> None:
    one = write_report(trained, tmp_path / "one.html", png=tmp_path / "one")
    with Catalog.open(trained.file) as again:
        other = write_report(again, tmp_path / "other.html", png=tmp_path / "other")
    assert Path(one.path).read_bytes() == Path(other.path).read_bytes()
    assert [Path(name).name for name in one.png] == [Path(name).name for name in other.png]
    assert len(one.png) > 2
    for first, second in zip(one.png, other.png, strict=True):
        assert Path(first).read_bytes() == Path(second).read_bytes()


def test_the_users_own_settings_of_matplotlib_change_nothing(trained: Catalog, tmp_path: Path) -> None:
    import matplotlib as mpl

    one = write_report(trained, tmp_path / "one.html")
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "lines.linewidth": 9, "axes.grid": True}):
        other = write_report(trained, tmp_path / "other.html")
    assert Path(one.path).read_bytes() == Path(other.path).read_bytes()


def test_every_link_of_the_page_leads_somewhere(trained: Catalog, tmp_path: Path) -> None:
    rate(trained, ["1"], 5)
    files = write_report(trained, tmp_path / "report.html")
    page = Page(Path(files.path))
    ids = [held["id"] for _, held in page.tags if "id" in held]
    assert len(ids) == len(set(ids))
    links = page.values("a", "href") + page.values("use", "href")
    inner = [link[1:] for link in links if link.startswith("#")]
    assert inner
    assert set(inner) <= set(ids)
    audio = page.values("audio", "src") + [link for link in links if not link.startswith("#")]
    assert len(audio) == files.players + len(trained_ids(trained))
    assert all(os.path.isfile(opened(url, tmp_path)) for url in audio)
    assert page.values("use", "xlink:href") == []


def trained_ids(catalog: Catalog) -> list[int]:
    from thresher.curation.clips.listing import list_clips

    return [row.id for row in list_clips(catalog)]


def test_the_page_loads_nothing_from_a_network(trained: Catalog, tmp_path: Path) -> None:
    page = Page(Path(write_report(trained, tmp_path / "report.html").path))
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page.text)
    assert "url(http" not in page.text
    (policy,) = [held["content"] for _, held in page.tags if held.get("http-equiv")]
    assert policy is not None
    assert policy.startswith("default-src 'none'; media-src 'self' file:; img-src data:;")
    assert "'unsafe-eval'" not in policy
    assert "script-src 'sha256-" in policy


@pytest.mark.long
def test_files_with_unusual_names_are_linked(
    full: Catalog, write_clip: WriteClip, serial: IngestOptions, tmp_path: Path
) -> None:
    paths = [os.path.join(os.fsencode(full.root), b"runs", name) for name in NAMES]
    for index, path in enumerate(paths):
        os.rename(write_clip(full.root / "runs/plain.wav", index, 1.5), path)
    for epoch in range(2):  # the page plays only some clips of a checkpoint with more than five
        ingest(full, paths[epoch::2], replace(serial, run="night", epoch=epoch))
    for folder in (full.root, full.root / "runs", tmp_path):
        page = Page(Path(write_report(full, folder / "report.html").path))
        urls = page.values("audio", "src")
        assert all(url.isascii() for url in urls)
        assert sorted({opened(url.partition("#")[0], folder) for url in urls}) == sorted(paths)
        (folder / "report.html").unlink()


def test_html_in_names_tags_and_notes_is_text(full: Catalog, write_clip: WriteClip, tmp_path: Path) -> None:
    for index in range(2):
        write_clip(full.root / f"runs/{index}<b>x.wav", index)
    ingest(full, [full.root / "runs"], IngestOptions(executor="serial", run=NASTY, epoch=1))
    note(full, ["1"], NASTY)
    tag(full, ["1"], add=[NASTY])
    save_song(full, NASTY, [f"run:={NASTY}"])
    page = Page(Path(write_report(full, tmp_path / "report.html", png=tmp_path / "png").path))
    assert NASTY not in page.text
    assert page.text.count("<script>") == 1
    assert html.escape(NASTY) in page.text.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")
    assert not [held for tag, held in page.tags if tag == "b" and held]


def test_dollar_signs_in_the_name_of_a_run_are_not_a_formula(
    full: Catalog, write_clip: WriteClip, tmp_path: Path
) -> None:
    for index, run in enumerate((r"$\frac{$", "b<&>")):
        write_clip(full.root / f"{index}/a.wav", index)
        ingest(full, [full.root / f"{index}"], IngestOptions(executor="serial", run=run, epoch=index))
    page = Page(Path(write_report(full, tmp_path / "report.html", png=tmp_path / "png").path))
    assert r"$\frac{$</text>" in page.text
    assert "b&lt;&amp;&gt;</text>" in page.text


def test_a_file_that_is_not_a_report_is_not_replaced(trained: Catalog, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("<p>mine</p>")
    with pytest.raises(UsageError, match="not a report of thresher; --overwrite"):
        write_report(trained, target)
    assert target.read_text() == "<p>mine</p>"
    write_report(trained, target, overwrite=True)
    write_report(trained, target)  # now it is one


@pytest.mark.parametrize("name", ["catalog.toml", "catalog.db", "runs/night_e=0(0)_t=0.9.wav"])
def test_files_of_the_catalog_are_never_replaced(trained: Catalog, name: str) -> None:
    before = (trained.root / name).read_bytes()
    with pytest.raises(UsageError, match="the catalog, which is never replaced or deleted"):
        write_report(trained, trained.root / name, overwrite=True)
    assert (trained.root / name).read_bytes() == before


@pytest.mark.long
def test_nothing_is_written_if_a_picture_is_not_a_figure_of_a_report(
    trained: Catalog, tmp_path: Path
) -> None:
    folder = tmp_path / "png"
    folder.mkdir()
    (folder / "kept.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="not a figure of thresher"):
        write_report(trained, tmp_path / "report.html", png=folder)
    assert not (tmp_path / "report.html").exists()
    write_report(trained, tmp_path / "report.html", png=folder, overwrite=True)
    write_report(trained, tmp_path / "report.html", png=folder)


def test_a_missing_folder_is_named_in_the_error(trained: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"folder .*nowhere.* does not exist"):
        write_report(trained, tmp_path / "nowhere/report.html")
    with pytest.raises(NotFoundError, match=r"folder .*nowhere.* does not exist"):
        write_report(trained, tmp_path / "report.html", png=tmp_path / "nowhere/png")
    with pytest.raises(UsageError, match="is a folder"):
        write_report(trained, tmp_path)


def test_a_missing_file_has_a_note_instead_of_a_player(trained: Catalog, tmp_path: Path) -> None:
    (trained.root / "runs/night_e=0(0)_t=0.9.wav").unlink()
    files = write_report(trained, tmp_path / "report.html")
    assert (files.players, files.silent) == (5, 1)
    assert "its file is missing" in Path(files.path).read_text()


def test_a_player_plays_only_the_span_of_a_trimmed_clip(
    full: Catalog, sound: MakeSound, serial: IngestOptions, tmp_path: Path
) -> None:
    import numpy as np
    import soundfile

    (full.root / "runs").mkdir()
    quiet = np.zeros((16_000, 1), np.float32)
    soundfile.write(full.root / "runs/a.wav", np.vstack([quiet, sound(1), quiet]), 16_000)
    ingest(full, [full.root / "runs"], serial)
    page = Page(Path(write_report(full, tmp_path / "report.html").path))
    (url,) = page.values("audio", "src")
    start, end = map(float, url.partition("#t=")[2].split(","))
    assert (start, end) == pytest.approx((1.0, 5.0), abs=0.05)


def test_empty_and_small_catalogs_have_pages(
    full: Catalog, write_clip: WriteClip, serial: IngestOptions, tmp_path: Path
) -> None:
    text = Path(write_report(full, tmp_path / "report.html", png=tmp_path / "png").path).read_text()
    for sentence in ("nothing to plot", "No checkpoint to show", "No map", "No clip to play"):
        assert sentence in text
    write_clip(full.root / "runs/alone.wav", 1)
    ingest(full, [full.root / "runs"], serial)
    text = Path(write_report(full, tmp_path / "report.html", png=tmp_path / "png").path).read_text()
    assert text.count("<audio") == 2  # its own, and that of the map


def test_the_page_says_why_there_is_no_map_without_likeness(
    catalog: Catalog, write_clip: WriteClip, serial: IngestOptions, tmp_path: Path
) -> None:
    for index in range(3):
        write_clip(tmp_path / f"runs/night_e={index // 2}({index})_t=0.9.wav", index)
    ingest(catalog, [tmp_path / "runs"], serial)
    text = Path(write_report(catalog, tmp_path / "report.html").path).read_text()
    assert "This catalog has no likeness scores" in text
    assert "First clips (no ratings, no likeness scores)" in text
    assert "thresher dupes" in text


def test_with_many_clips_players_load_only_on_demand(
    trained: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page(Path(write_report(trained, tmp_path / "report.html").path))
    assert set(page.values("audio", "preload")) == {"metadata", "none"}
    assert page.text.count("<details") == page.text.count(" open>")
    monkeypatch.setattr(view, "MOST_READY", 3)
    monkeypatch.setattr(view, "MOST_SECTIONS", 2)
    page = Page(Path(write_report(trained, tmp_path / "report.html").path))
    assert set(page.values("audio", "preload")) == {"none"}
    assert " open>" not in page.text
    assert re.findall(r'<details class="checkpoint" id="checkpoint-(\d)"', page.text) == ["2", "3"]
    assert "1 earlier checkpoints are left out" in page.text
    with writing(trained) as connection:
        connection.execute(checkpoint.update().where(checkpoint.c.id == 1).values(verdict="keep"))
    page = Page(Path(write_report(trained, tmp_path / "report.html").path))
    assert re.findall(r'<details class="checkpoint" id="checkpoint-(\d)"', page.text) == ["1", "3"]
