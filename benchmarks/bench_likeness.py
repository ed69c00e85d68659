"""Compare how well `likeness`, `prefix`, `aligned` and libmusly's `timbre` find clips that belong together.

Every metric scores the same trimmed audio in the same run. The figures are areas under the ROC curve over
pairs, and the share of clips whose nearest neighbour is of the same track, with 95 % intervals by a bootstrap
over clips. "Left out" uses constants computed without the family of files that the row is about (noise2music,
mrcqtdiff or music). "Other half" uses constants computed from `neural/` for the rows about `music/`, and the
other way round.

Run `pip install --group bench`, then `python benchmarks/bench_likeness.py`; it takes two minutes.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

import likeness_peers
from corpus_clips import CORPUS, Clip, audio
from make_likeness import Material, Recipe, make
from thresher.signal.features.descriptors import descriptor
from thresher.signal.metrics.likeness import ASPECTS, Aspect, Constants, Likenesses, likeness_scores

RESAMPLES = 500
Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sounds:
    """Clips of one family of files, which are scored among themselves."""

    family: str
    clips: list[Clip]
    signals: list[tuple[NDArray[np.float32], int]]
    descriptors: list[NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Row:
    """One row of the table: are the pairs `positive` scored above the pairs `negative`?

    If `negative` is None: is the nearest clip of each a positive one? Masks have the shape (n, n) over `sounds`.
    `unit`, shape (n,), is the clip that each sound belongs to; the bootstrap draws clips.
    """

    name: str
    sounds: Sounds
    positive: Mask
    negative: Mask | None
    unit: NDArray[np.intp]

    def figure(self, scores: Matrix, weights: NDArray[np.float64]) -> float:
        """Return the area under the curve, or the rate, for the weights of the sounds, shape (n,)."""
        if self.negative is None:
            others = scores.copy()
            np.fill_diagonal(others, -np.inf)
            right = self.positive[np.arange(len(scores)), others.argmax(axis=1)]
            return float(right @ weights / weights.sum())
        pairs = np.outer(weights, weights)
        return weighted_auc(
            scores[self.positive], pairs[self.positive], scores[self.negative], pairs[self.negative]
        )

    def with_interval(self, scores: Matrix) -> tuple[float, float, float]:
        """Return the figure and its 95 % interval."""
        generator = np.random.default_rng(0)
        units = self.unit.max() + 1
        figures = []
        for _ in range(RESAMPLES):
            drawn = np.bincount(generator.integers(0, units, units), minlength=units).astype(np.float64)
            figures.append(self.figure(scores, drawn[self.unit]))
        low, high = np.nanquantile(figures, [0.025, 0.975])
        return self.figure(scores, np.ones(len(scores))), low, high


def weighted_auc(positive: Matrix, weight: Matrix, negative: Matrix, negative_weight: Matrix) -> float:
    """Return the weighted share of (positive, negative) pairs in the right order; equal scores count half."""
    values, places = np.unique(np.concatenate([positive, negative]), return_inverse=True)
    above = np.bincount(places[: len(positive)], weight, len(values))
    below = np.bincount(places[len(positive) :], negative_weight, len(values))
    in_order = above @ (np.cumsum(below) - 0.5 * below)
    return float(in_order / max(above.sum() * below.sum(), 1e-300))


def rows(corpus: Path, material: Material) -> list[Row]:
    """Return the rows of the table, from the groups of groups.tsv."""

    def sounds(wanted: Callable[[Clip], bool]) -> Sounds:
        found = [i for i, clip in enumerate(material.clips) if wanted(clip)]
        kept = [material.clips[i] for i in found]
        return Sounds(
            kept[0].family, kept, [audio(corpus, clip) for clip in kept], [material.whole[i] for i in found]
        )

    prompts = sounds(lambda clip: clip.family == "noise2music")
    models = sounds(lambda clip: clip.family == "mrcqtdiff" and clip.group != "reference")
    music = sounds(lambda clip: clip.family == "music")
    halves = halves_of(prompts)
    copies = same([f"{clip.group} {Path(clip.path).stem}" for clip in prompts.clips])
    prompt, model = by_group(prompts), by_group(models)
    track, album = by_group(music), same([clip.path.split("/")[1] for clip in music.clips])
    half = np.arange(len(halves.clips)) % 2
    across = half[:, None] < half
    itself = same(list(np.arange(len(half)) // 2))
    once, one, each = (upper(len(part.clips)) for part in (prompts, models, music))
    own = [np.arange(len(part.clips)) for part in (prompts, models, music)]
    return [
        Row("same prompt", prompts, prompt & once & ~copies, ~prompt & once, own[0]),
        Row("same model", models, model & one, ~model & one, own[1]),
        Row(
            "two halves",
            halves,
            itself & across,
            ~np.kron(copies, np.ones((2, 2), bool)) & across,
            np.arange(len(half)) // 2,
        ),
        Row("track, others", music, track & each, ~album & each, own[2]),
        Row("track, album", music, track & each, album & ~track & each, own[2]),
        Row("nearest is track", music, track, None, own[2]),
    ]


def halves_of(whole: Sounds) -> Sounds:
    """Return the first and the second half of each clip, one after the other."""
    clips = [clip for clip in whole.clips for _ in range(2)]
    signals = [(half, sr) for y, sr in whole.signals for half in (y[: len(y) // 2], y[len(y) // 2 :])]
    return Sounds(whole.family, clips, signals, [descriptor(y, sr) for y, sr in signals])


def same(labels: list[str]) -> Mask:
    """Return which pairs have equal labels."""
    return np.array(labels)[:, None] == np.array(labels)


def by_group(sounds: Sounds) -> Mask:
    return same([clip.group for clip in sounds.clips])


def upper(size: int) -> Mask:
    """Return a mask that selects each pair once."""
    return np.triu(np.ones((size, size), bool), 1)


def likeness(sounds: Sounds, constants: Constants) -> Matrix:
    kept = Likenesses.pack(sounds.descriptors, constants=constants)
    return likeness_scores(kept, kept).astype(np.float64)


def plain_distance(sounds: Sounds, constants: Constants) -> Matrix:
    """Return minus the weighted sum of distances, each relative to the mean distance of the references."""
    coordinates = constants.project(np.array(sounds.descriptors))
    total: Matrix = np.zeros((len(sounds.clips),) * 2)
    for aspect, here, there in zip(constants.aspects, coordinates, constants.references, strict=True):
        unit = np.linalg.norm(there[:, None] - there, axis=2).mean()
        total -= aspect.weight * np.linalg.norm(here[:, None] - here, axis=2) / unit
    return total


def left_out(material: Material, recipe: Recipe) -> Callable[[str], Constants]:
    """Return a function from a family to constants computed without it."""
    families = np.array([clip.family for clip in material.clips])
    made = {
        family: make(material.only(families != family), recipe)
        for family in ("noise2music", "mrcqtdiff", "music")
    }
    return made.__getitem__


def other_half(material: Material, recipe: Recipe) -> Callable[[str], Constants]:
    """Return a function from a family to constants computed from the other half of the corpus."""
    music = np.array([clip.family == "music" for clip in material.clips])
    neural_only, music_only = make(material.only(~music), recipe), make(material.only(music), recipe)
    return lambda family: neural_only if family == "music" else music_only


def recipes() -> Iterator[tuple[str, Recipe]]:
    """Yield the variants of the ablation."""
    yield "as shipped", Recipe()
    for name in ASPECTS:
        yield f"only {name}", Recipe({name: ASPECTS[name]})
    for name in ASPECTS:
        yield f"without {name}", Recipe({key: aspect for key, aspect in ASPECTS.items() if key != name})
    for name, aspect in ASPECTS.items():
        for part in aspect.parts if len(aspect.parts) > 1 else ():
            kept = Aspect(tuple(other for other in aspect.parts if other != part), aspect.weight)
            yield f"without part {part}", Recipe({**ASPECTS, name: kept})
    yield "equal weights", Recipe({name: Aspect(aspect.parts, 1.0) for name, aspect in ASPECTS.items()})
    yield (
        "one aspect of all parts",
        Recipe({"all": Aspect(sum((a.parts for a in ASPECTS.values()), ()), 1.0)}),
    )
    yield "without variance within clips", Recipe(whiten=False)
    yield "smoothing 0.1", Recipe(smoothing=0.1)
    yield "smoothing 1", Recipe(smoothing=1.0)
    yield "without alterations", Recipe(altered=0.0)


def print_table(questions: list[Row], metrics: dict[str, Callable[[Sounds], Matrix]]) -> None:
    print("| pairs | n |", " | ".join(metrics), "|\n|---|---|" + "---|" * len(metrics))
    scores = {
        (name, id(row.sounds)): metric(row.sounds) for name, metric in metrics.items() for row in questions
    }
    for row in questions:
        cells = [
            "{:.3f} ({:.3f}–{:.3f})".format(*row.with_interval(scores[name, id(row.sounds)]))
            for name in metrics
        ]
        count = row.positive.sum() if row.negative is not None else len(row.sounds.clips)
        print(f"| {row.name} | {count} |", " | ".join(cells), "|", flush=True)


def print_ablation(questions: list[Row], material: Material) -> None:
    print("| variant |", " | ".join(row.name for row in questions), "|\n|---|" + "---|" * len(questions))

    def line(
        name: str, metric: Callable[[Sounds, Constants], Matrix], constants: Callable[[str], Constants]
    ) -> None:
        figures = [
            row.figure(metric(row.sounds, constants(row.sounds.family)), np.ones(len(row.unit)))
            for row in questions
        ]
        print(f"| {name} |", " | ".join(f"{figure:.3f}" for figure in figures), "|", flush=True)

    for name, recipe in recipes():
        line(name, likeness, left_out(material, recipe))
    line("without mutual proximity", plain_distance, left_out(material, Recipe()))
    bare = left_out(material, dataclasses.replace(Recipe(), whiten=False))
    line("without both", plain_distance, bare)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--material", type=Path, help="keep the descriptors here between runs")
    parser.add_argument("--no-ablation", action="store_true")
    arguments = parser.parse_args()
    start = time.perf_counter()
    if arguments.material and arguments.material.exists():
        material = pickle.loads(arguments.material.read_bytes())
    else:
        material = Material.of(arguments.corpus)
        if arguments.material:
            arguments.material.write_bytes(pickle.dumps(material))
    questions = rows(arguments.corpus, material)
    shipped, without, half = (
        make(material, Recipe()),
        left_out(material, Recipe()),
        other_half(material, Recipe()),
    )
    print_table(
        questions,
        {
            "prefix": lambda sounds: likeness_peers.prefix(sounds.signals),
            "aligned": lambda sounds: likeness_peers.aligned(sounds.signals),
            "musly": lambda sounds: likeness_peers.musly(sounds.signals),
            "likeness": lambda sounds: likeness(sounds, shipped),
            "likeness, left out": lambda sounds: likeness(sounds, without(sounds.family)),
            "likeness, other half": lambda sounds: likeness(sounds, half(sounds.family)),
        },
    )
    print()
    if not arguments.no_ablation:
        print_ablation(questions, material)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
