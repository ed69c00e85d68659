"""The colours of the clip map, and their legends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thresher.curation.report.report import ReportClip, ReportData
from thresher.interfaces.report.charts import run_colours
from thresher.interfaces.report.colours import LIGHT, RATINGS, UNKNOWN, sequential

MOST_POINTS = 4_000
"""The most points on the page's map. Of more clips, it shows the rated ones and an even selection of the others."""


@dataclass(frozen=True)
class Colouring:
    """One way to colour the map: the colour of each clip, and a legend.

    `legend` holds colours by name, or the labels of both ends of a gradient.
    """

    name: str
    title: str
    colours: Mapping[int, str]
    legend: Mapping[str, str] | tuple[str, str]


def colourings(data: ReportData) -> list[Colouring]:
    """Return the ways to colour the map: by epoch or step, by rating, and by run if there are several."""
    clips = [data.clips[point.clip] for point in data.points]
    found = [_by_training(clips), _by_rating(clips), _by_run(data, clips)]
    return [each for each in found if each is not None]


def shown_on_page(data: ReportData) -> list[int]:
    """Return the indices of the points that the page shows."""
    indices = list(range(len(data.points)))
    if len(indices) <= MOST_POINTS:
        return indices
    step = len(indices) / MOST_POINTS
    even = {int(number * step) for number in range(MOST_POINTS)}
    return [at for at in indices if at in even or data.clips[data.points[at].clip].rating is not None]


def _by_training(clips: Sequence[ReportClip]) -> Colouring | None:
    for name in ("epoch", "step"):
        values = {clip.id: getattr(clip, name) for clip in clips if getattr(clip, name) is not None}
        if len(set(values.values())) > 1:
            break
    else:
        return None
    # by rank, because checkpoints are saved at uneven steps
    ranks = {value: rank for rank, value in enumerate(sorted(set(values.values())))}
    colours = {
        clip.id: sequential(ranks[values[clip.id]] / (len(ranks) - 1)) if clip.id in values else UNKNOWN
        for clip in clips
    }
    return Colouring(name, name.capitalize(), colours, (f"{min(ranks):,}", f"{max(ranks):,}"))


def _by_rating(clips: Sequence[ReportClip]) -> Colouring:
    colours = {clip.id: UNKNOWN if clip.rating is None else RATINGS[clip.rating] for clip in clips}
    legend = {"unrated": UNKNOWN, **{str(rating): colour for rating, colour in RATINGS.items()}}
    return Colouring("rating", "Rating", colours, legend)


def _by_run(data: ReportData, clips: Sequence[ReportClip]) -> Colouring | None:
    named = run_colours(data.checkpoints)
    runs = {clip.run for clip in clips}
    if len(runs) < 2:
        return None
    colours = {clip.id: LIGHT[named[clip.run]] if clip.run in named else UNKNOWN for clip in clips}
    legend = {run or "no run": LIGHT[named[run]] for run in named if run in runs}
    if UNKNOWN in colours.values():
        legend["others"] = UNKNOWN
    return Colouring("run", "Run", colours, legend)
