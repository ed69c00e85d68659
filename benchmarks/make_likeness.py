"""Compute the constants of `likeness`, and write them and the list of their source files next to its module.

Three things are learned without labels: how the descriptor varies between clips (from all clips), how it varies
within a clip (from its quarters, and from versions at low sample rates and of one second), and which clips
serve as references (the first of each group of the corpus, by path).

Run `python benchmarks/make_likeness.py [--corpus DIR] [--folder DIR]`. It overwrites the constants in `--folder`
(default: those in the checkout, src/thresher/signal/metrics); changed constants need a new version of the metric.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

import thresher
from corpus_clips import CORPUS, Clip, long_enough
from thresher.signal.features.descriptors import PARTS, descriptor
from thresher.signal.metrics.likeness import ASPECTS, CONSTANTS, Aspect, Constants

QUARTERS = 4
LOW_RATES = (8_000, 11_025)
BRIEF_SECONDS = 1

# Parts that are logarithms of matrices: all their entries have the same unit, so they are scaled by one factor.
LOGARITHMS = ("timbre", "changes")


@dataclass(frozen=True)
class Recipe:
    """How constants are computed: the choices that the ablation varies.

    `smoothing` times their mean is added to all variances within clips. `altered` is the share of clips that
    are assumed to be altered in each of the ways of `alterations`. `whiten`: whether the variance within clips
    is used.
    """

    aspects: Mapping[str, Aspect] = field(default_factory=lambda: ASPECTS)
    smoothing: float = 0.3
    altered: float = 0.1
    whiten: bool = True


@dataclass(frozen=True, eq=False)
class Material:
    """The descriptors from which constants are computed: float32, the last axis is DESCRIPTOR_SIZE long.

    `whole`, shape (clips, …); `quarters`, shape (clips, QUARTERS, …); `altered`, shape (clips, ways, …).
    """

    clips: list[Clip]
    whole: NDArray[np.float32]
    quarters: NDArray[np.float32]
    altered: NDArray[np.float32]

    @classmethod
    def of(cls, corpus: Path) -> Material:
        """Compute the descriptors of all clips of the corpus."""
        clips, whole, quarters, altered = [], [], [], []
        for clip, y, sr in long_enough(corpus):
            clips.append(clip)
            whole.append(descriptor(y, sr))
            quarters.append([descriptor(quarter, sr) for quarter in np.array_split(y, QUARTERS)])
            altered.append([descriptor(*alteration) for alteration in alterations(y, sr)])
        return cls(clips, np.array(whole), np.array(quarters), np.array(altered))

    def only(self, wanted: NDArray[np.bool_]) -> Material:
        """Return the clips for which `wanted`, shape (clips,), is true."""
        clips = [clip for clip, keep in zip(self.clips, wanted, strict=True) if keep]
        return Material(clips, self.whole[wanted], self.quarters[wanted], self.altered[wanted])


def alterations(y: NDArray[np.float32], sr: int) -> list[tuple[NDArray[np.float32], int]]:
    """Return versions of a clip that should count as similar: at each of LOW_RATES, and its middle second.

    A clip whose own rate is not higher is returned unchanged.
    """
    low = [(soxr.resample(y, sr, rate), rate) if sr > rate else (y, sr) for rate in LOW_RATES]
    start = (len(y) - BRIEF_SECONDS * sr) // 2
    return [*low, (y[start : start + BRIEF_SECONDS * sr], sr)]


def reference_indices(clips: list[Clip]) -> list[int]:
    """Return the index of the first clip of each group."""
    first: dict[str, int] = {}
    for index, clip in enumerate(clips):
        first.setdefault(clip.group, index)
    return list(first.values())


def make(material: Material, recipe: Recipe) -> Constants:
    """Compute the constants by `recipe`."""
    references = material.whole[reference_indices(material.clips)].astype(np.float64)
    projections, centres, projected = [], [], []
    for aspect in recipe.aspects.values():
        projection = as_shipped(aspect_projection(material, aspect, recipe))
        centre = as_shipped(material.whole[:, aspect.columns].mean(axis=0, dtype=np.float64) @ projection)
        projections.append(projection)
        centres.append(centre)
        projected.append(as_shipped(references[:, aspect.columns] @ projection - centre))
    return Constants(tuple(recipe.aspects.values()), tuple(projections), tuple(centres), tuple(projected))


def as_shipped(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round values to those that the file can hold."""
    return array.astype(np.float16).astype(np.float64)


def aspect_projection(material: Material, aspect: Aspect, recipe: Recipe) -> NDArray[np.float64]:
    """Return the projection of an aspect, after which clips vary equally in all directions within themselves.

    It is lower triangular, float64, shape (k, k) for the k columns of the aspect.
    """
    columns = aspect.columns
    units = np.concatenate([part_units(material.whole[:, PARTS[part]], part) for part in aspect.parts])
    if not recipe.whiten:
        return np.diag(units)
    within = within_covariance(material, columns, units, recipe.altered)
    within += recipe.smoothing * np.trace(within) / len(within) * np.eye(len(within))
    # With L Lᵀ the inverse of the covariance, distances of rows times L are the Mahalanobis distances.
    return units[:, None] * np.linalg.cholesky(np.linalg.inv(within))


def part_units(whole: NDArray[np.float32], part: str) -> NDArray[np.float64]:
    """Return the factor of each column of a part, so that all parts have the same spread."""
    deviations = whole.std(axis=0, dtype=np.float64)
    units = np.ones(len(deviations)) if part in LOGARITHMS else 1.0 / (deviations + 1e-6)
    spread: NDArray[np.float64] = units / np.sqrt(((deviations * units) ** 2).sum())
    return spread


def within_covariance(
    material: Material, columns: slice | NDArray[np.intp], units: NDArray[np.float64], altered: float
) -> NDArray[np.float64]:
    """Return the covariance of a clip's quarters about their mean, plus that of the alterations."""
    quarters = material.quarters[:, :, columns] * units
    about_mean = (quarters - quarters.mean(axis=1, keepdims=True)).reshape(-1, units.size)
    covariance: NDArray[np.float64] = about_mean.T @ about_mean / ((QUARTERS - 1) * len(quarters))
    changed = (material.altered[:, :, columns] - material.whole[:, None, columns]) * units
    changed = changed.reshape(-1, units.size)
    # The variance of a difference is twice that of either term.
    covariance += altered * (changed.T @ changed) / (2 * len(quarters))
    return covariance


def save(constants: Constants, path: Path) -> None:
    """Write the file that `Constants.load` reads."""
    arrays: dict[str, Any] = {}
    for index, name in enumerate(ASPECTS):
        projection = constants.projections[index]
        arrays[f"{name}_projection"] = projection[np.tril_indices(len(projection))].astype(np.float16)
        arrays[f"{name}_centre"] = constants.centres[index].astype(np.float16)
        arrays[f"{name}_references"] = constants.references[index].astype(np.float16)
    np.savez(path, **arrays)


def main() -> None:
    """Write the constants and the list of their sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--folder", type=Path, default=Path(thresher.__file__).parent / "signal" / "metrics")
    arguments = parser.parse_args()
    material = Material.of(arguments.corpus)
    constants = make(material, Recipe())
    save(constants, arguments.folder / CONSTANTS)
    references = set(reference_indices(material.clips))
    lines = [f"{clip.path}\t{'yes' if i in references else 'no'}\n" for i, clip in enumerate(material.clips)]
    (arguments.folder / CONSTANTS).with_suffix(".tsv").write_text(
        "path\treference\n" + "".join(lines), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
