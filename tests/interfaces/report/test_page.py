"""The page and the figures of a report, without a browser: their bytes, links and escapes; what is not replaced."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from sqlalchemy import update

from tests.support import EVERY_METRIC, MakeCatalog, MakeSound, WriteClip, copy_folder, run_command
from thresher.catalog.catalog import Catalog
from thresher.catalog.schema import checkpoint
from thresher.curation.clips.decisions import note, rate, reject, tag
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.report.report import report_data
from thresher.curation.songs.songs import save_song
from thresher.errors import NotFoundError, UsageError
from thresher.interfaces.report import plots, view
from thresher.interfaces.report.charts import QUANTITIES, Chart, ChartPoint, Line, charts, run_colours
from thresher.interfaces.report.colours import DARK, LIGHT, RATINGS, RUNS, UNKNOWN, sequential
from thresher.interfaces.report.links import relative_url, span_fragment, why_silent
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


@pytest.fixture
def full(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[Catalog]:
    """A new catalog that keeps scores by every metric."""
    home = tmp_path / "home"
    new_catalog(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    with Catalog.open(home / "catalog.toml") as made:
        yield made


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory,
    new_catalog: MakeCatalog,
    write_clip: WriteClip,
    serial: IngestOptions,
) -> Path:
    """The folder that `trained` is copied from."""
    home = tmp_path_factory.mktemp("trained")
    for index in range(6):
        write_clip(home / f"runs/night_e={index // 2}({index})_t=0.9.wav", index)
    new_catalog(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    with Catalog.open(home / "catalog.toml") as made:
        ingest(made, [home / "runs"], serial)
    return home


@pytest.fixture
def trained(full: Catalog, template: Path) -> Catalog:
    """Three checkpoints of two clips each."""
    copy_folder(template, full.root)
    return full


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
    with trained.writing() as connection:
        connection.execute(checkpoint.update().where(checkpoint.c.id == 1).values(verdict="keep"))
    page = Page(Path(write_report(trained, tmp_path / "report.html").path))
    assert re.findall(r'<details class="checkpoint" id="checkpoint-(\d)"', page.text) == ["1", "3"]


# what files and links are


@pytest.mark.parametrize(
    ("file", "folder", "url"),
    [
        (b"/a/b/c.wav", b"/a/b", "c.wav"),
        (b"/a/b/c.wav", b"/a", "b/c.wav"),
        (b"/a/c.wav", b"/a/b/d", "../../c.wav"),
        (b"/a/12:40 #1?.wav", b"/a", "12%3A40%20%231%3F.wav"),
        (b"/a/\xff\n%.wav", b"/a", "%FF%0A%25.wav"),
    ],
)
def test_urls_are_relative_and_encoded(file: bytes, folder: bytes, url: str) -> None:
    assert relative_url(file, folder) == url


def test_a_span_is_named_unless_it_is_the_whole_file() -> None:
    assert span_fragment(0.0, 5.0, 5.0) == ""
    assert span_fragment(0.5, 5.0, 5.0) == "#t=0.500,5.000"
    assert span_fragment(0.0, 4.5, 5.0) == "#t=0.000,4.500"


@pytest.mark.parametrize(
    ("form", "is_played"),
    [
        (("WAV", "FLOAT", 16_000), True),
        (("WAV", "DOUBLE", 16_000), False),
        (("WAV", "PCM_16", 2_000), False),
        (("FLAC", "PCM_24", 44_100), True),
        (("OGG", "VORBIS", 44_100), True),
        (("AIFF", "PCM_16", 44_100), False),
        ((None, None, None), False),
    ],
)
def test_a_player_is_shown_only_for_formats_that_browsers_play(
    form: tuple[str | None, str | None, int | None], is_played: bool
) -> None:
    assert (why_silent(*form) is None) == is_played


# figures


def chart_of(runs: int, points: int = 4, y: float = 0.5) -> Chart:
    lines = tuple(
        Line(
            f"run {run}" if run < len(RUNS) else None,
            RUNS[run] if run < len(RUNS) else "faint",
            tuple(ChartPoint(x, y, 0.4, 0.6, 10 * run + x, x == 1) for x in range(points)),
        )
        for run in range(runs)
    )
    return Chart(QUANTITIES[4], lines, "epoch", (0, points - 1))


@pytest.mark.parametrize("y", [0.0, 0.5, 1.0])
def test_twenty_runs_are_drawn_and_the_labels_of_six_do_not_overlap(y: float) -> None:
    with plots.drawing():
        svg = plots.as_svg(plots.draw_chart(chart_of(20, y=y), with_title=False))
    assert "dc:date" not in svg
    places = [float(y) for y in re.findall(r'y="([0-9.]+)"[^>]*>run [0-9]', svg)]
    assert len(places) == 6
    gaps = [high - low for low, high in zip(sorted(places), sorted(places)[1:], strict=False)]
    assert min(gaps) >= plots.FONT_SIZE
    assert (
        0 < min(places) < max(places) < 72 * plots.CHART_SIZE[1] - 2 * plots.FONT_SIZE
    )  # not where x is named


def test_labels_of_figures_are_text_in_a_readable_size() -> None:
    with plots.drawing():
        svg = plots.as_svg(plots.draw_chart(chart_of(2), with_title=True))
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:[a-z0-9]+ )*([0-9.]+)px", svg)]
    assert sizes
    assert min(sizes) >= 11


def test_every_colour_has_its_name() -> None:
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert set(LIGHT) == set(DARK)
    assert not {*RATINGS.values(), UNKNOWN} & set(LIGHT.values())
    assert not {sequential(share / 50) for share in range(51)} & set(LIGHT.values())


@pytest.mark.parametrize("ground", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_have_enough_contrast_to_the_background(ground: dict[str, str]) -> None:
    """Contrast by https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio: text 4.5, lines 3."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(colour: str) -> float:
        low, high = sorted((luminance(colour), luminance(ground["paper"])))
        return (high + 0.05) / (low + 0.05)

    assert min(contrast(ground[name]) for name in ("ink", "muted")) >= 4.5
    assert min(contrast(ground[name]) for name in RUNS) >= 3


def test_x_is_the_epoch_else_the_step_else_the_position() -> None:
    def found(
        *names: tuple[str, int | None, int | None], kept: int | None = None
    ) -> tuple[str, list[list[float]]]:
        rows = rows_of(*names)
        if kept is not None:
            rows[kept].verdict = "keep"
        drawn, unknown = charts(reported(rows))
        assert len(unknown) == len(QUANTITIES) - 1
        xs = [point.x for line in drawn[0].lines for point in line.points]
        assert drawn[0].x_range == (min(xs), max(xs))
        return drawn[0].x_label, [[point.x for point in line.points] for line in drawn[0].lines]

    assert found(("a", 1, 5), ("a", 9, 6), ("b", 1, 7)) == ("epoch", [[1, 9], [1]])
    assert found(("a", 1, 5), ("a", 1, 6)) == ("step", [[5, 6]])
    assert found(("a", 1, None), ("a", 2, None), ("b", None, None)) == ("epoch", [[1, 2]])
    assert found(("a", None, None), ("b", None, None)) == ("checkpoint", [[1], [2]])
    both, one = (("a", 1, 10), ("a", 2, 20)), (("b", None, 5), ("b", None, 15))
    assert found(*both, *one) == ("step", [[10, 20], [5, 15]])  # a run that has only steps is drawn, too
    assert found(("a", 1, None), ("a", 2, None), *one) == ("checkpoint of its run", [[1, 2], [1, 2]])
    mixed = ("a", 1, None), ("a", 2, None), ("a", None, 7)
    assert found(*mixed) == ("epoch", [[1, 2]])
    assert found(*mixed, kept=2) == ("checkpoint of its run", [[1, 2, 3]])


def rows_of(*names: tuple[str, int | None, int | None], files: int = 1) -> list[Any]:
    """Rows of checkpoints with what charts look at."""
    return [
        SimpleNamespace(
            id=at,
            run=run,
            epoch=epoch,
            step=step,
            files=files,
            minutes_kept=1.0,
            verdict=None,
            **dict.fromkeys(
                (each.name if each.name != "rating" else "mean_rating") for each in QUANTITIES[1:]
            ),
        )
        for at, (run, epoch, step) in enumerate(names)
    ]


def reported(rows: list[Any]) -> list[Any]:
    return [SimpleNamespace(row=row, spreads={}) for row in rows]


def test_colours_go_to_runs_that_have_a_curve() -> None:
    rows = rows_of(*((f"large {at}", 1, None) for at in range(8)), files=100)
    rows += rows_of(*(("small", epoch, None) for epoch in (1, 2)), ("other", 1, None), ("other", 2, None))
    for number, row in enumerate(rows):
        row.id = number
    assert set(run_colours(reported(rows))) == {"small", "other", *(f"large {at}" for at in range(4))}


def test_everything_with_the_verdict_keep_has_a_section(
    trained: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though there is room for one section only, and all clips of the first checkpoint are rejected."""
    monkeypatch.setattr(view, "MOST_SECTIONS", 1)
    with trained.writing() as connection:
        connection.execute(update(checkpoint).where(checkpoint.c.epoch < 2).values(verdict="keep"))
    reject(trained, ["epoch:0"])
    data = report_data(trained)
    sections = view.sections(data, view.Speaker(b"/"))
    assert [section.verdict for section in sections] == ["keep", "keep"]
    assert sections[0].best_title.startswith("No clip to hear")
    assert sections[0].best == ()


def test_the_header_counts_what_the_query_finds(trained: Catalog) -> None:
    rate(trained, ["1", ",", "3"], 5)
    data = report_data(trained, ["epoch:1.."])
    assert view.summary(data) == [
        ("4", "clips"),
        ("2", "checkpoints"),
        ("1", "run"),
        ("0:16", "of clips"),
        ("1", "rated"),
        ("0", "rejected"),
    ]
    assert view.summary(report_data(trained))[4] == ("2", "rated")


# the command


def test_the_command_prints_what_it_wrote(trained: Catalog) -> None:
    done = run_command("report", "epoch:0..1", "--png", "png", cwd=trained.root)
    assert done.returncode == 0
    told = done.stdout.splitlines()
    assert told[0] == f"{trained.root}/report.html: 2 checkpoints, 4 clips, 4 players; open it in a browser"
    assert [(trained.root / line).exists() for line in told[1:]] == [True] * (len(told) - 1)
    done = run_command("report", "-o", "other.html", "--json", cwd=trained.root)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["path"], found["clips"], found["png"]) == (f"{trained.root}/other.html", 6, [])
    assert run_command("report", "epoch:frog", cwd=trained.root).returncode == 2
