"""Make the constants of `likeness`, and the list of the files they come from, beside its module.

Three things are learned, all without labels: how the descriptor's numbers vary (from every clip), how they vary
inside of a clip (from its quarters, and from what low sample rates and a length of one second change), and
which clips stand for music at large (the first of each group of the corpus, by path).
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

# Parts that are logarithms of matrices: their entries have one unit, and keep their proportions.
LOGARITHMS = ("timbre", "changes")


@dataclass(frozen=True)
class Recipe:
    """How constants are made: the choices that the ablation varies.

    `smoothing`: how much of their mean is added to all variances within clips; `altered`: which share of clips is
    taken to be altered in each of the ways of `alterations`; `whiten`: whether it is used.
    """

    aspects: Mapping[str, Aspect] = field(default_factory=lambda: ASPECTS)
    smoothing: float = 0.3
    altered: float = 0.1
    whiten: bool = True


@dataclass(frozen=True, eq=False)
class Material:
    """What constants are made of: descriptors, float32, the last axis being DESCRIPTOR_SIZE long.

    `whole`, shape (clips, …); `quarters`, shape (clips, QUARTERS, …); `altered`, shape (clips, ways, …).
    """

    clips: list[Clip]
    whole: NDArray[np.float32]
    quarters: NDArray[np.float32]
    altered: NDArray[np.float32]

    @classmethod
    def of(cls, corpus: Path) -> Material:
        """From all clips of the corpus."""
        clips, whole, quarters, altered = [], [], [], []
        for clip, y, sr in long_enough(corpus):
            clips.append(clip)
            whole.append(descriptor(y, sr))
            quarters.append([descriptor(quarter, sr) for quarter in np.array_split(y, QUARTERS)])
            altered.append([descriptor(*alteration) for alteration in alterations(y, sr)])
        return cls(clips, np.array(whole), np.array(quarters), np.array(altered))

    def only(self, wanted: NDArray[np.bool_]) -> Material:
        """The clips where `wanted`, shape (clips,), is true."""
        clips = [clip for clip, keep in zip(self.clips, wanted, strict=True) if keep]
        return Material(clips, self.whole[wanted], self.quarters[wanted], self.altered[wanted])


def alterations(y: NDArray[np.float32], sr: int) -> list[tuple[NDArray[np.float32], int]]:
    """What a clip might have been and still sound alike: at each of LOW_RATES, and only its middle second.

    Where its own rate is not above, it is what it is.
    """
    low = [(soxr.resample(y, sr, rate), rate) if sr > rate else (y, sr) for rate in LOW_RATES]
    start = (len(y) - BRIEF_SECONDS * sr) // 2
    return [*low, (y[start : start + BRIEF_SECONDS * sr], sr)]


def reference_indices(clips: list[Clip]) -> list[int]:
    """The first clip of each group."""
    first: dict[str, int] = {}
    for index, clip in enumerate(clips):
        first.setdefault(clip.group, index)
    return list(first.values())


def make(material: Material, recipe: Recipe) -> Constants:
    """Constants by `recipe`."""
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
    """Rounded to what the file holds."""
    return array.astype(np.float16).astype(np.float64)


def aspect_projection(material: Material, aspect: Aspect, recipe: Recipe) -> NDArray[np.float64]:
    """A lower triangular matrix that makes an aspect vary alike in all directions within clips.

    float64, shape (columns of the aspect,) * 2.
    """
    columns = aspect.columns
    units = np.concatenate([part_units(material.whole[:, PARTS[part]], part) for part in aspect.parts])
    if not recipe.whiten:
        return np.diag(units)
    within = within_covariance(material, columns, units, recipe.altered)
    within += recipe.smoothing * np.trace(within) / len(within) * np.eye(len(within))
    # With L Lᵀ the inverse of the covariance, rows times L have the distances that it defines.
    return units[:, None] * np.linalg.cholesky(np.linalg.inv(within))


def part_units(whole: NDArray[np.float32], part: str) -> NDArray[np.float64]:
    """What each number of a part is multiplied by, so that all parts spread equally."""
    deviations = whole.std(axis=0, dtype=np.float64)
    units = np.ones(len(deviations)) if part in LOGARITHMS else 1.0 / (deviations + 1e-6)
    spread: NDArray[np.float64] = units / np.sqrt(((deviations * units) ** 2).sum())
    return spread


def within_covariance(
    material: Material, columns: slice | NDArray[np.intp], units: NDArray[np.float64], altered: float
) -> NDArray[np.float64]:
    """How quarters of a clip vary about their mean, and what alterations add."""
    quarters = material.quarters[:, :, columns] * units
    about_mean = (quarters - quarters.mean(axis=1, keepdims=True)).reshape(-1, units.size)
    covariance: NDArray[np.float64] = about_mean.T @ about_mean / ((QUARTERS - 1) * len(quarters))
    changed = (material.altered[:, :, columns] - material.whole[:, None, columns]) * units
    changed = changed.reshape(-1, units.size)
    # A difference varies twice as much as either of the two.
    covariance += altered * (changed.T @ changed) / (2 * len(quarters))
    return covariance


def save(constants: Constants, path: Path) -> None:
    """Write what `Constants.load` reads."""
    arrays: dict[str, Any] = {}
    for index, name in enumerate(ASPECTS):
        projection = constants.projections[index]
        arrays[f"{name}_projection"] = projection[np.tril_indices(len(projection))].astype(np.float16)
        arrays[f"{name}_centre"] = constants.centres[index].astype(np.float16)
        arrays[f"{name}_references"] = constants.references[index].astype(np.float16)
    np.savez(path, **arrays)


def main() -> None:
    """Write the constants and the names of their sources beside `likeness.py`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--folder", type=Path, default=Path(thresher.__file__).parent / "signal")
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
