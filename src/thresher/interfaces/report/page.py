"""Write a report: one self-contained HTML page, and optionally its figures as PNG files."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from thresher.catalog.atomic_files import write_bytes, write_text
from thresher.catalog.catalog import Catalog
from thresher.catalog.files import paths
from thresher.catalog.output_guard import OutputGuard
from thresher.catalog.queries.text import Terms
from thresher.catalog.settings.own_files import MARK_END, REPORT_MARK
from thresher.curation.clips.listing import why_empty
from thresher.curation.report.report import BEST, ODDEST, ReportData, report_data
from thresher.errors import CatalogError, NotFoundError, UsageError
from thresher.interfaces.report import plots, view
from thresher.interfaces.report.charts import Chart, charts
from thresher.interfaces.report.clip_map_view import Colouring, colourings, shown_on_page
from thresher.interfaces.report.colours import DARK, LIGHT, gradient
from thresher.progress import Progress, no_progress
from thresher.version import __version__

DEFAULT_NAME = "report.html"
GENERATOR = f"thresher {__version__}"

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class ReportFiles:
    """The files that were written, and the numbers of clips, checkpoints and players on the page.

    `silent` counts clips and renderings that the page cannot play: the file is missing, or browsers cannot play its
    format.
    """

    path: str
    bytes: int
    png: tuple[str, ...]
    clips: int
    checkpoints: int
    players: int
    silent: int


def write_report(
    catalog: Catalog,
    output: str | os.PathLike[str] = DEFAULT_NAME,
    *,
    terms: Terms = (),
    png: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> ReportFiles:
    """Write a report of the clips that the terms match to an HTML file, and its figures to the folder `png`.

    The page links to audio files relative to its own folder. An existing report is replaced; any other file
    only with `overwrite` (else UsageError). Raises NotFoundError if no clip matches or the target's folder does
    not exist.
    """
    guard = OutputGuard(catalog)
    target = _target(output, guard, overwrite=overwrite)
    folder = None if png is None else _folder(png)
    data = report_data(catalog, terms, progress)
    if data.query and not data.clips:
        raise NotFoundError(why_empty(catalog, terms))
    with plots.drawing():
        drawn, unknown = charts(data.checkpoints)
        speaker = view.Speaker(os.fsencode(target.parent))
        text = _page(data, drawn, [each.title for each in unknown], speaker)
        pictures = (
            {} if folder is None else {folder / name: png for name, png in _pictures(data, drawn).items()}
        )
    for picture in pictures:
        guard.check(picture)
        _check_picture(picture, overwrite=overwrite)
    write_text(target, text, guard, partial(_target, target, guard, overwrite=overwrite))
    if folder is not None:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise CatalogError(
                f"cannot create {folder}: {error.strerror}; give --png another folder"
            ) from error
    for picture, content in pictures.items():
        write_bytes(picture, content, guard, partial(_check_picture, picture, overwrite=overwrite))
    return ReportFiles(
        path=str(target),
        bytes=len(text.encode()),
        png=tuple(map(str, pictures)),
        clips=len(data.clips),
        checkpoints=len(data.checkpoints),
        players=speaker.made["players"],
        silent=speaker.made["silent"],
    )


def _target(output: str | os.PathLike[str], guard: OutputGuard, *, overwrite: bool) -> Path:
    target = Path(os.fsdecode(paths.absolute(output)))
    if not target.parent.is_dir():
        raise NotFoundError(f"the folder {target.parent} does not exist; create it first")
    if target.is_dir():
        raise UsageError(f"{target} is a folder; give -o a file in it, such as {target / DEFAULT_NAME}")
    if not os.path.lexists(target):
        return target
    guard.check(target)
    if not overwrite and not _is_report(target):
        raise UsageError(
            f"{target} is not a report of thresher; --overwrite replaces it, -o names another file"
        )
    return target


def _is_report(file: Path) -> bool:
    try:
        with open(file, "rb") as opened:
            return REPORT_MARK.search(opened.read(MARK_END)) is not None
    except OSError as error:
        raise CatalogError(f"{file} could not be read: {error.strerror}; give -o another file") from error


def _folder(png: str | os.PathLike[str]) -> Path:
    folder = Path(os.path.abspath(png))
    if not folder.parent.is_dir():
        raise NotFoundError(f"the folder {folder.parent} does not exist; create it first")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; give --png another one")
    return folder


def _check_picture(picture: Path, *, overwrite: bool) -> None:
    if overwrite or not os.path.lexists(picture):
        return
    if picture.is_file():
        with open(picture, "rb") as opened:
            if b"Software\0" + plots.PNG_SOFTWARE.encode() in opened.read(MARK_END):
                return
    raise UsageError(
        f"{picture} is not a figure of thresher; --overwrite replaces it, --png names another folder"
    )


def _pictures(data: ReportData, drawn: Sequence[Chart]) -> dict[str, bytes]:
    """Return every figure as PNG, by file name."""
    made = {
        f"{chart.quantity.name}.png": plots.as_png(plots.draw_chart(chart, with_title=True))
        for chart in drawn
    }
    if data.points:
        for colouring in colourings(data):
            figure = plots.draw_map(_marks(data, colouring, range(len(data.points))))
            plots.add_map_legend(figure, colouring.title, colouring.legend)
            made[f"map-{colouring.name}.png"] = plots.as_png(figure)
    return made


def _marks(data: ReportData, colouring: Colouring, places: Sequence[int]) -> list[plots.MapMark]:
    chosen = [data.points[at] for at in places]
    return [plots.MapMark(point.clip, point.x, point.y, colouring.colours[point.clip]) for point in chosen]


def _page(data: ReportData, drawn: Sequence[Chart], unknown: Sequence[str], speaker: view.Speaker) -> str:
    import jinja2
    from markupsafe import Markup

    # only these files and the figures are not escaped; matplotlib escapes the text in figures
    css, script = ((_FOLDER / name).read_text(encoding="utf-8").strip() for name in ("page.css", "page.js"))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(groupby_run=view.by_run, breakable=_breakable)
    found = view.sections(data, speaker)
    shown = {each.anchor: each for each in found}
    rendered = view.songs(data, speaker)
    copies = view.copies(data, speaker)
    is_ready = speaker.made["players"] <= view.MOST_READY
    text = environment.get_template("page.html.jinja").render(
        generator=GENERATOR,
        policy=_policy(script),
        css=Markup(css),
        variables=Markup(_variables()),
        script=Markup(script),
        name=data.name,
        query=data.query,
        summary=view.summary(data),
        charts=[(chart.quantity, _chart_svg(chart, shown)) for chart in drawn],
        unknown=unknown,
        runs=view.run_legend(drawn),
        rows=view.table(data.checkpoints, shown),
        map=_map(data, speaker),
        sections=found,
        sections_left_out=sum(view.has_section(each) for each in data.checkpoints) - len(found),
        best=BEST,
        oddest=ODDEST,
        has_likeness=data.has_likeness,
        is_ready=is_ready,
        copies=copies,
        songs=rendered,
    )
    return text.encode("utf-8", "replace").decode()  # replaces surrogates, which UTF-8 cannot encode


def _breakable(path: str) -> Any:
    """Return a path that can wrap after each slash."""
    from markupsafe import Markup, escape

    return Markup("/<wbr>").join(escape(part) for part in path.split("/"))


def _policy(script: str) -> str:
    """Return a policy that lets the page fetch only audio from its own origin, and run only its own script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; media-src 'self' file:; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _variables() -> str:
    def block(colours: Mapping[str, str]) -> str:
        return " ".join(f"--{name}: {value};" for name, value in colours.items())

    return f":root {{ {block(LIGHT)} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {block(DARK)} }} }}"


def _chart_svg(chart: Chart, shown: Mapping[str, view.Section]) -> Any:
    from markupsafe import Markup

    from thresher.interfaces.report.inline import inline_svg

    def link(_kind: str, number: int) -> Markup:
        anchor = f"checkpoint-{number}"
        title = shown[anchor].title if anchor in shown else ""
        href = Markup('href="#{}"').format(anchor) if anchor in shown else Markup("")
        return Markup('{} tabindex="-1"><title>{}</title>').format(href, title)

    return inline_svg(plots.as_svg(plots.draw_chart(chart, with_title=False)), chart.quantity.name, link)


@dataclass(frozen=True)
class _Map:
    """The map on the page; `left_out` is the number of points not shown."""

    svg: Any
    colourings: Sequence[Colouring]
    left_out: int
    gradient: str


def _map(data: ReportData, speaker: view.Speaker) -> _Map | None:
    from markupsafe import Markup

    from thresher.interfaces.report.inline import inline_svg

    if not data.points:
        return None
    ways = colourings(data)
    names = {value: f"var(--{name})" for name, value in LIGHT.items()}

    def link(_kind: str, number: int) -> Markup:
        clip = data.clips[number]
        url = speaker.url(clip)
        where = Markup('tabindex="0" role="img"') if url is None else Markup('href="{}"').format(url)
        colours = ";".join(
            f"--{way.name}:{names.get(way.colours[number], way.colours[number])}" for way in ways
        )
        title = view.clip_title(clip) + ("" if url else " · cannot be played here")
        return Markup('{} style="{}" aria-label="{}"><title>{}</title>').format(where, colours, title, title)

    places = shown_on_page(data)
    svg = plots.as_svg(plots.draw_map(_marks(data, ways[0], places)))
    return _Map(inline_svg(svg, "map", link), ways, len(data.points) - len(places), gradient())
