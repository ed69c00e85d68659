"""The metric `likeness`: acoustic similarity of two clips (timbre, movement, rhythm, harmony).

It compares descriptors, float32, shape (DESCRIPTOR_SIZE,). Scores are float32, shape (m, n), in [0, 1],
computed in float64 and rounded once.

1. Each aspect of a descriptor is projected to coordinates in which the parts of one clip vary equally in all
   directions (within-class covariance normalisation: A. Hatch et al., Interspeech 2006). So variation within a clip
   counts little, and differences between clips count much. Distances are Euclidean.
2. Distances are normalised by mutual proximity (D. Schnitzer et al., "Local and global scaling reduce hubs in
   space", JMLR 13, 2012): a distance becomes the number of standard deviations by which it is below the mean
   distance of either clip from fixed references. This is done in each aspect, which makes aspects comparable, and
   then for their weighted sum, the *farness*. The score is the product of two probabilities, one for each clip:
   that a reference is farther away than the other clip. It is divided by its value for equal clips.

Projections and references belong to the metric's version. benchmarks/make_likeness.py computes them; they never
come from a catalog. The score of two clips depends only on their descriptors and these constants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from thresher.signal.features.descriptors import DESCRIPTOR_SIZE, PARTS
from thresher.signal.metrics.metric import Metric, Scores
from thresher.signal.threads import in_threads

Exact = NDArray[np.float64]

CONSTANTS = "likeness-2.npz"
"""The file of constants next to this module. benchmarks/make_likeness.py writes it, and a list of its sources
(.tsv)."""

# The size of a tile, in pairs: its float64 arrays stay in the caches.
TILE_ROWS, TILE_COLUMNS = 64, 1_024

# Columns of a triangular matrix multiplied at a time.
BAND = 64

# A farness that exceeds that of equal descriptors by less than this is a rounding error.
SAME = 1e-5

# Clips packed at a time: their distances from the references stay in the caches.
PACK_CLIPS = 512

# A clip far from all references is about equally far from each, so its deviation is small, and all such clips would
# get nearly the same score. So this share of the mean distance is added to the deviation (as squares).
LEAST_DEVIATION = 1 / 8


@dataclass(frozen=True)
class Aspect:
    """One aspect of similarity: the parts of the descriptor that describe it, and its weight in the sum."""

    parts: tuple[str, ...]
    weight: float

    @cached_property
    def columns(self) -> slice | NDArray[np.intp]:
        """The columns of its parts in a descriptor: a slice if they are adjacent, because that needs no copy."""
        columns = np.concatenate([np.arange(PARTS[part].start, PARTS[part].stop) for part in self.parts])
        adjacent = (np.diff(columns) == 1).all()
        return slice(int(columns[0]), int(columns[-1]) + 1) if adjacent else columns


ASPECTS: Mapping[str, Aspect] = MappingProxyType(
    {
        "timbre": Aspect(("timbre", "changes", "contrast"), 1.0),
        "movement": Aspect(("modulation", "persistence"), 0.5),
        "rhythm": Aspect(("periods",), 0.25),
        "harmony": Aspect(("chroma", "intervals"), 0.25),
    }
)


@dataclass(frozen=True, eq=False)
class Scale:
    """How the distances of each of n clips are normalised.

    `slopes`, float64, shape (n, aspects), and `shifts`, float64, shape (n,). The farness of two clips with the
    distances d in each aspect is Σ d · (slope + slope') - shift - shift'. This is the weighted sum over aspects
    of (d - mean) / deviation, averaged over the means and deviations of the two clips' distances from the
    references.
    """

    slopes: Exact
    shifts: Exact

    @classmethod
    def of(cls, distances: tuple[Exact, ...], aspects: tuple[Aspect, ...]) -> Self:
        """Compute the scale of n clips from their distances from the references: (n, references) in each aspect."""
        weights = np.array([aspect.weight for aspect in aspects])
        means, deviations = np.stack([_mean_and_deviation(aspect) for aspect in distances], axis=-1)
        slopes = 0.5 * weights / np.hypot(deviations, LEAST_DEVIATION * means)
        return cls(slopes, (slopes * means).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Constants:
    """The constants of the metric, for each of `aspects`; float64.

    With k the number of columns (and coordinates) of an aspect a: `projections[a]` is lower triangular, shape
    (k, k); `centres[a]`, shape (k,), is the projected mean descriptor; `references[a]`, shape (references, k).
    """

    aspects: tuple[Aspect, ...]
    projections: tuple[Exact, ...]
    centres: tuple[Exact, ...]
    references: tuple[Exact, ...]

    @classmethod
    def load(cls, stream: IO[bytes]) -> Self:
        """Read the file that benchmarks/make_likeness.py writes: float16, the lower triangles of projections by
        row."""
        with np.load(stream) as file:

            def arrays(suffix: str) -> tuple[Exact, ...]:
                return tuple(file[f"{name}_{suffix}"].astype(np.float64) for name in ASPECTS)

            triangles, centres, references = arrays("projection"), arrays("centre"), arrays("references")
        projections = tuple(np.zeros((len(centre), len(centre))) for centre in centres)
        for projection, triangle in zip(projections, triangles, strict=True):
            projection[np.tril_indices(len(projection))] = triangle
        return cls(tuple(ASPECTS.values()), projections, centres, references)

    def project(self, descriptors: NDArray[np.float32]) -> tuple[Exact, ...]:
        """Project descriptors to coordinates: (clips, DESCRIPTOR_SIZE) → (clips, coordinates) for each aspect."""
        exact = _exact(descriptors)
        return tuple(
            _times_triangle(exact[:, aspect.columns], projection) - centre
            for aspect, projection, centre in zip(self.aspects, self.projections, self.centres, strict=True)
        )

    @cached_property
    def reference_scale(self) -> Scale:
        """The scale of the references, from the distances between different references."""
        others = ~np.eye(len(self.references[0]), dtype=bool)
        distances = tuple(
            _distances(aspect, aspect)[others].reshape(len(aspect), -1) for aspect in self.references
        )
        return Scale.of(distances, self.aspects)


@cache
def shipped_constants() -> Constants:
    """Return the constants of this version."""
    with resources.files(__package__).joinpath(CONSTANTS).open("rb") as stream:
        return Constants.load(stream)


@dataclass(frozen=True, eq=False)
class Likenesses:
    """The projected descriptors of `count` clips, ready for the kernel. Build it with `pack`.

    `coordinates[a]` is float32, shape (count, coordinates of aspect a). `scale` normalises distances. `means`
    and `deviations`, float64, shape (count,), are those of each clip's farness from the references. `highest`,
    float64, shape (count,), is the probability that a reference is farther from the clip than an equal clip is.
    """

    coordinates: tuple[NDArray[np.float32], ...]
    scale: Scale
    means: Exact
    deviations: Exact
    highest: Exact

    @classmethod
    def pack(
        cls, descriptors: Iterable[NDArray[Any]], *, threads: int = 1, constants: Constants | None = None
    ) -> Self:
        """Pack descriptors, each float32, shape (DESCRIPTOR_SIZE,), with `constants` (default: those shipped).

        Raises ValueError for another dtype or shape, and for NaN or infinity.
        """
        known = constants or shipped_constants()
        arrays = list(descriptors)
        kept = cls._empty(len(arrays), known)

        def fill(start: int) -> None:
            stop = min(len(arrays), start + PACK_CLIPS)
            kept.part(start, stop)._fill(_stacked(arrays[start:stop], start), known)

        with _one_blas_thread():
            in_threads(fill, range(0, len(arrays), PACK_CLIPS), threads)
        return kept

    @classmethod
    def _empty(cls, count: int, known: Constants) -> Self:
        coordinates = tuple(np.empty((count, centre.size), np.float32) for centre in known.centres)
        scale = Scale(np.empty((count, len(known.aspects))), np.empty(count))
        return cls(coordinates, scale, *(np.empty(count) for _ in range(3)))

    def _fill(self, descriptors: NDArray[np.float32], known: Constants) -> None:
        for aspect, found in zip(self.coordinates, known.project(descriptors), strict=True):
            aspect[:] = found
        distances = tuple(map(_distances, self.exact_coordinates(), known.references))
        scale = Scale.of(distances, known.aspects)
        self.scale.slopes[:], self.scale.shifts[:] = scale.slopes, scale.shifts
        farness = _farness(distances, scale, known.reference_scale)
        self.means[:], self.deviations[:] = _mean_and_deviation(farness)
        self.highest[:] = _share_farther(-2.0 * scale.shifts, self.means, self.deviations)

    @property
    def count(self) -> int:
        """The number of clips."""
        return len(self.means)

    def part(self, start: int, stop: int) -> Self:
        """Return the clips `start` … `stop` - 1, sharing memory.

        Raises ValueError unless 0 ≤ `start` ≤ `stop` ≤ `count`.
        """
        if not 0 <= start <= stop <= self.count:
            raise ValueError(f"no part {start}:{stop} of {self.count} descriptors")
        clips = slice(start, stop)
        return type(self)(
            tuple(aspect[clips] for aspect in self.coordinates),
            Scale(self.scale.slopes[clips], self.scale.shifts[clips]),
            self.means[clips],
            self.deviations[clips],
            self.highest[clips],
        )

    def joined(self, other: Self) -> Self:
        """Return these clips followed by those of `other`."""
        return type(self)(
            tuple(map(_concatenated, self.coordinates, other.coordinates)),
            Scale(
                _concatenated(self.scale.slopes, other.scale.slopes),
                _concatenated(self.scale.shifts, other.scale.shifts),
            ),
            _concatenated(self.means, other.means),
            _concatenated(self.deviations, other.deviations),
            _concatenated(self.highest, other.highest),
        )

    def exact_coordinates(self) -> tuple[Exact, ...]:
        """Return the coordinates in float64, in which their squares are summed."""
        return tuple(map(_exact, self.coordinates))


def _one_blas_thread() -> AbstractContextManager[object]:
    """Return a context in which matrix products use one thread.

    Such small products gain nothing from several. Waiting BLAS threads spin, which takes the cores from other
    programs: on a busy machine scoring ran at a tenth of its speed.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits


def _times_triangle(values: Exact, triangle: Exact) -> Exact:
    """Return `values` @ `triangle`, (n, k) and (k, k), by bands of columns, leaving out zeros above the
    diagonal."""
    bands = [slice(start, start + BAND) for start in range(0, len(triangle), BAND)]
    return np.hstack([values[:, band.start :] @ triangle[band.start :, band] for band in bands])


def _concatenated(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([first, second])


def _exact(values: NDArray[np.float32]) -> Exact:
    return values.astype(np.float64)


def _mean_and_deviation(values: Exact) -> tuple[Exact, Exact]:
    """Return the mean and the standard deviation of each row: (n, k) → (n,) and (n,)."""
    means = values.mean(axis=1)
    squares = np.einsum("ij,ij->i", values, values) / values.shape[1]
    return means, np.sqrt(np.maximum(squares - means**2, 0.0))


def _stacked(arrays: Sequence[NDArray[Any]], first: int) -> NDArray[np.float32]:
    """Check descriptors and return them as one array, (n, DESCRIPTOR_SIZE). `first` is the number of the first."""
    for index, array in enumerate(arrays, first):
        if array.dtype.type is not np.float32 or array.shape != (DESCRIPTOR_SIZE,):
            raise ValueError(
                f"descriptor {index} must be float32 of shape ({DESCRIPTOR_SIZE},), "
                f"not {array.dtype} of shape {array.shape}"
            )
    stacked = np.array(arrays, np.float32).reshape(len(arrays), DESCRIPTOR_SIZE)
    finite = np.isfinite(stacked).all(axis=1)
    if not finite.all():
        raise ValueError(f"descriptor {first + int(finite.argmin())} holds NaN or infinity")
    return stacked


def likeness_scores(rows: Likenesses, columns: Likenesses, *, threads: int = 1) -> Scores:
    """Return the acoustic similarity of each pair: float32, shape (rows.count, columns.count), in [0, 1].

    It is symmetric, and 1 for equal descriptors. Besides the result it uses less than 5 MB per thread.
    """
    scores = np.empty((rows.count, columns.count), np.float32)

    def fill(left: int) -> None:
        wide = columns.part(left, min(columns.count, left + TILE_COLUMNS))
        across = wide.exact_coordinates()
        for top in range(0, rows.count, TILE_ROWS):
            tall = rows.part(top, min(rows.count, top + TILE_ROWS))
            distances = map(_distances, tall.exact_coordinates(), across)
            scores[top : top + TILE_ROWS, left : left + TILE_COLUMNS] = _nearness(distances, tall, wide)

    with _one_blas_thread():
        in_threads(
            fill, range(0, columns.count, TILE_COLUMNS), threads if columns.count > TILE_COLUMNS else 1
        )
    return scores


def likeness_triangle(kept: Likenesses) -> Scores:
    """Return `likeness_scores` of few clips among themselves: float32, shape (n, n), NaN except below the
    diagonal."""
    scores = np.full((kept.count, kept.count), np.nan, np.float32)
    below = np.tril_indices(kept.count, k=-1)
    scores[below] = likeness_scores(kept, kept)[below]
    return scores


def _nearness(distances: Iterable[Exact], rows: Likenesses, columns: Likenesses) -> Exact:
    """Return the scores of m and n clips, (m, n), from their distances in each aspect."""
    farness = _farness(distances, rows.scale, columns.scale)
    # Equal descriptors have the least farness possible; any distance left between them is a rounding error.
    nearest = -(rows.scale.shifts[:, None] + columns.scale.shifts)
    same = farness - nearest < SAME
    by_rows = _share_farther(farness, rows.means[:, None], rows.deviations[:, None])
    by_columns = _share_farther(farness, columns.means, columns.deviations)
    by_rows *= by_columns
    by_rows /= rows.highest[:, None] * columns.highest
    np.minimum(by_rows, 1.0, out=by_rows)
    by_rows[same] = 1.0
    return by_rows


def _share_farther(farness: Exact, means: Exact, deviations: Exact) -> Exact:
    """Return the probability that a reference is farther away than `farness`.

    It follows Student's t distribution with two degrees of freedom. Under a normal distribution, whose tails are
    short, all nearly equal clips would have the score 1 in float32.
    """
    nearer = (means - farness) / deviations
    length = nearer * nearer
    length += 2.0
    np.sqrt(length, out=length)
    nearer /= length
    nearer += 1.0
    nearer *= 0.5
    return nearer


def _distances(rows: Exact, columns: Exact) -> Exact:
    """Return Euclidean distances: (m, coordinates) and (n, coordinates) → (m, n)."""
    squares = rows @ columns.T
    squares *= -2.0
    squares += np.einsum("ij,ij->i", rows, rows)[:, None]
    squares += np.einsum("ij,ij->i", columns, columns)
    return np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)


def _farness(distances: Iterable[Exact], rows: Scale, columns: Scale) -> Exact:
    """Return the farness of m and n clips, (m, n), from their distances in each aspect, (m, n); see `Scale`."""
    farness = -(rows.shifts[:, None] + columns.shifts)
    for aspect, row, column in zip(distances, rows.slopes.T, columns.slopes.T, strict=True):
        farness += aspect * (row[:, None] + column)
    return farness


LIKENESS: Metric[Likenesses] = Metric(
    "likeness", 2, "descriptor", Likenesses, likeness_scores, likeness_triangle
)
