"""`likeness`: how alike two clips sound, from their descriptors; made of four aspects.

What is kept of a clip is its descriptor, float32, shape (DESCRIPTOR_SIZE,). Scores are float32, shape (m, n), in
[0, 1]; computed in float64, rounded once.

1. Each aspect of a descriptor is projected to coordinates in which the parts of one clip lie about as far
   apart in every direction (within-class covariance normalisation: A. Hatch et al., Interspeech 2006), so that
   what varies inside of a clip counts little and what sets clips apart counts much; distances are Euclidean.
2. Mutual proximity (D. Schnitzer et al., "Local and global scaling reduce hubs in space", JMLR 13, 2012): a
   distance counts as many standard deviations as it lies under the mean distance of either clip to the
   references. First in each aspect, which makes aspects comparable, then for their weighted sum; the score
   is the product of the two probabilities that a reference is farther away, in parts of what it would be of
   equal clips.

Projections and references belong to the metric's version; they come from benchmarks/make_likeness.py,
never from a catalog. Two clips' score depends on nothing but their descriptors and these.
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
"""The file beside this module; benchmarks/make_likeness.py makes it, and names what it comes from."""

# The pairs of one tile: its arrays of float64 stay in the caches.
TILE_ROWS, TILE_COLUMNS = 64, 1_024

# Columns of a triangular matrix multiplied at a time.
BAND = 64

# A farness so little above that of equal descriptors is rounding.
SAME = 1e-5

# Clips packed at a time: their distances to the references stay in the caches.
PACK_CLIPS = 512

# A clip far from all references is about as far from each: so much of the mean counts as deviation at least (the
# two are added as squares), or such clips would all seem the same.
LEAST_DEVIATION = 1 / 8


@dataclass(frozen=True)
class Aspect:
    """A side of a clip's sound: which parts of the descriptor tell it, and how much it counts."""

    parts: tuple[str, ...]
    weight: float

    @cached_property
    def columns(self) -> slice | NDArray[np.intp]:
        """Where its parts lie in a descriptor: a slice where they are neighbours, for no copy is made then."""
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
    """What distances from each of n clips count.

    `slopes`, float64, shape (n, aspects), and `shifts`, shape (n,): of a pair with the distances d the farness
    is Σ d · (slope + slope') - shift - shift'. That is the weighted sum over aspects of (d - mean) / deviation,
    half by the one clip's mean and deviation over the references, half by the other's.
    """

    slopes: Exact
    shifts: Exact

    @classmethod
    def of(cls, distances: tuple[Exact, ...], aspects: tuple[Aspect, ...]) -> Self:
        """From the distances to the references in each aspect, (n, references)."""
        weights = np.array([aspect.weight for aspect in aspects])
        means, deviations = np.stack([_mean_and_deviation(aspect) for aspect in distances], axis=-1)
        slopes = 0.5 * weights / np.hypot(deviations, LEAST_DEVIATION * means)
        return cls(slopes, (slopes * means).sum(axis=1))


@dataclass(frozen=True, eq=False)
class Constants:
    """What the metric knows beforehand, in the order of `aspects`; all float64.

    With k the columns of an aspect, which has as many coordinates: `projections[a]`, lower triangular, shape
    (k, k); `centres[a]`, shape (k,), the projected mean; `references[a]`, shape (references, k).
    """

    aspects: tuple[Aspect, ...]
    projections: tuple[Exact, ...]
    centres: tuple[Exact, ...]
    references: tuple[Exact, ...]

    @classmethod
    def load(cls, stream: IO[bytes]) -> Self:
        """Read what benchmarks/make_likeness.py wrote: the triangles of projections by row, all as float16."""
        with np.load(stream) as file:

            def arrays(what: str) -> tuple[Exact, ...]:
                return tuple(file[f"{name}_{what}"].astype(np.float64) for name in ASPECTS)

            triangles, centres, references = arrays("projection"), arrays("centre"), arrays("references")
        projections = tuple(np.zeros((len(centre), len(centre))) for centre in centres)
        for projection, triangle in zip(projections, triangles, strict=True):
            projection[np.tril_indices(len(projection))] = triangle
        return cls(tuple(ASPECTS.values()), projections, centres, references)

    def project(self, descriptors: NDArray[np.float32]) -> tuple[Exact, ...]:
        """Coordinates of descriptors, (clips, DESCRIPTOR_SIZE) → for each aspect (clips, coordinates)."""
        exact = _exact(descriptors)
        return tuple(
            _times_triangle(exact[:, aspect.columns], projection) - centre
            for aspect, projection, centre in zip(self.aspects, self.projections, self.centres, strict=True)
        )

    @cached_property
    def reference_scale(self) -> Scale:
        """What distances from the references count; none is compared with itself."""
        others = ~np.eye(len(self.references[0]), dtype=bool)
        distances = tuple(
            _distances(aspect, aspect)[others].reshape(len(aspect), -1) for aspect in self.references
        )
        return Scale.of(distances, self.aspects)


@cache
def shipped_constants() -> Constants:
    """The constants of this version."""
    with resources.files(__package__).joinpath(CONSTANTS).open("rb") as stream:
        return Constants.load(stream)


@dataclass(frozen=True, eq=False)
class Likenesses:
    """What is kept of `count` clips, ready for the kernel. Build it with `pack`.

    `coordinates[a]`, float32, shape (count, coordinates of aspect a); `scale`, see there; `means` and
    `deviations`, float64, shape (count,): those of each clip's farness from the references; `highest`, float64,
    shape (count,): the probability that a reference is farther from the clip than an equal one.
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
        """Pack descriptors, each float32, shape (DESCRIPTOR_SIZE,), under `constants` (None: those shipped).

        Raises ValueError for another dtype or shape, and for one that is not finite.
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
        """How many clips."""
        return len(self.means)

    def part(self, start: int, stop: int) -> Self:
        """The clips `start` … `stop` - 1 (both within 0 … count), sharing memory."""
        if not 0 <= start <= stop <= self.count:
            raise ValueError(f"descriptors {start} to {stop} were asked of {self.count}")
        clips = slice(start, stop)
        return type(self)(
            tuple(aspect[clips] for aspect in self.coordinates),
            Scale(self.scale.slopes[clips], self.scale.shifts[clips]),
            self.means[clips],
            self.deviations[clips],
            self.highest[clips],
        )

    def joined(self, other: Self) -> Self:
        """These clips, then those of `other`."""
        return type(self)(
            tuple(map(_behind, self.coordinates, other.coordinates)),
            Scale(
                _behind(self.scale.slopes, other.scale.slopes), _behind(self.scale.shifts, other.scale.shifts)
            ),
            _behind(self.means, other.means),
            _behind(self.deviations, other.deviations),
            _behind(self.highest, other.highest),
        )

    def exact_coordinates(self) -> tuple[Exact, ...]:
        """The coordinates in float64: sums of their squares are taken in it."""
        return tuple(map(_exact, self.coordinates))


def _one_blas_thread() -> AbstractContextManager[object]:
    """A while in which products of matrices take one thread each: such small ones gain nothing by two, and
    threads of BLAS spin where other programs want the cores – a tenth of the speed was left."""
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits


def _times_triangle(values: Exact, triangle: Exact) -> Exact:
    """`values` @ `triangle`, (n, k) and (k, k), by bands of columns: above the diagonal there is nothing to add."""
    bands = [slice(start, start + BAND) for start in range(0, len(triangle), BAND)]
    return np.hstack([values[:, band.start :] @ triangle[band.start :, band] for band in bands])


def _behind(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([first, second])


def _exact(values: NDArray[np.float32]) -> Exact:
    return values.astype(np.float64)


def _mean_and_deviation(values: Exact) -> tuple[Exact, Exact]:
    """Of each row: (n, k) → (n,) and (n,)."""
    means = values.mean(axis=1)
    squares = np.einsum("ij,ij->i", values, values) / values.shape[1]
    return means, np.sqrt(np.maximum(squares - means**2, 0.0))


def _stacked(arrays: Sequence[NDArray[Any]], first: int) -> NDArray[np.float32]:
    """Descriptors, of which the first has the number `first`, as one array: (n, DESCRIPTOR_SIZE)."""
    for index, array in enumerate(arrays, first):
        if array.dtype.type is not np.float32 or array.shape != (DESCRIPTOR_SIZE,):
            raise ValueError(
                f"descriptor {index} is {array.dtype} of shape {array.shape}, "
                f"not float32 of shape ({DESCRIPTOR_SIZE},)"
            )
    stacked = np.array(arrays, np.float32).reshape(len(arrays), DESCRIPTOR_SIZE)
    finite = np.isfinite(stacked).all(axis=1)
    if not finite.all():
        raise ValueError(f"descriptor {first + int(finite.argmin())} holds NaN or infinity")
    return stacked


def likeness_scores(rows: Likenesses, columns: Likenesses, *, threads: int = 1) -> Scores:
    """How alike each pair sounds: float32, shape (rows.count, columns.count), in [0, 1].

    Symmetric; 1 for equal descriptors. Beside the result, memory stays below 5 MB a thread.
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
    """`likeness_scores` of few clips among themselves: float32, shape (n, n), NaN but below the diagonal."""
    scores = np.full((kept.count, kept.count), np.nan, np.float32)
    below = np.tril_indices(kept.count, k=-1)
    scores[below] = likeness_scores(kept, kept)[below]
    return scores


def _nearness(distances: Iterable[Exact], rows: Likenesses, columns: Likenesses) -> Exact:
    """The scores of m and n clips, (m, n), from their distances in each aspect."""
    farness = _farness(distances, rows.scale, columns.scale)
    # Equal descriptors are as near as can be; what is left of their distance is rounding.
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
    """The probability that a reference is farther away than `farness`, as of Student's t, two degrees of freedom.

    Its long tails keep apart in float32 what is nearly the same: under a normal distribution all that would be 1.
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
    """Euclidean distances, (m, coordinates) and (n, coordinates) → (m, n)."""
    squares = rows @ columns.T
    squares *= -2.0
    squares += np.einsum("ij,ij->i", rows, rows)[:, None]
    squares += np.einsum("ij,ij->i", columns, columns)
    return np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)


def _farness(distances: Iterable[Exact], rows: Scale, columns: Scale) -> Exact:
    """See `Scale`: the distances of m and n clips in each aspect, (m, n) → (m, n)."""
    farness = -(rows.shifts[:, None] + columns.shifts)
    for aspect, row, column in zip(distances, rows.slopes.T, columns.slopes.T, strict=True):
        farness += aspect * (row[:, None] + column)
    return farness


LIKENESS: Metric[Likenesses] = Metric(
    "likeness", 2, "descriptor", Likenesses, likeness_scores, likeness_triangle
)
