"""Compare how often orderings, by each metric, put clips of the same group next to each other.

The measure does not depend on the metrics: the share of a song's transitions that join two clips of one prompt
or one track, as named by groups.tsv of the corpus next to the checkout. Songs are random subsets of the clips
whose group has two clips or more. The table shows the mean over subsets with its 95 % interval (bootstrap over
subsets), next to the share of a random order and the most that any order can reach.

Run `python benchmarks/bench_ordering.py [--subsets N] [--clips N]`; it takes a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus_clips import CORPUS, Clip, audio, clips
from thresher.signal.features.descriptors import descriptor
from thresher.signal.features.fingerprint import find_backend, to_pcm
from thresher.signal.metrics.registry import METRICS, find_metric
from thresher.signal.ordering.chain import chain
from thresher.signal.ordering.pairs import pairs
from thresher.signal.ordering.shuffle import shuffle

Order = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.int64]]

ORDERINGS: dict[str, Order] = {"pairs": pairs, "chain": chain}


def grouped_clips(corpus: Path) -> list[Clip]:
    """Return the clips of prompts and tracks whose group has two clips or more."""
    found = [clip for clip in clips(corpus) if clip.kind in ("prompt", "track")]
    counts = {clip.group: sum(other.group == clip.group for other in found) for clip in found}
    return [clip for clip in found if counts[clip.group] > 1]


def matrices(corpus: Path, wanted: list[Clip]) -> tuple[list[Clip], dict[str, NDArray[np.float32]]]:
    """Return the clips that every metric can compare, and their scores by each metric."""
    backend = find_backend()
    kept: dict[str, list[NDArray[np.generic]]] = {"fingerprint": [], "descriptor": []}
    usable = []
    for clip in wanted:
        y, sr = audio(corpus, clip)
        words = backend.fingerprint([to_pcm(y, float(np.abs(y).max(initial=0)))], sr)
        if words.size:
            usable.append(clip)
            kept["fingerprint"].append(words)
            kept["descriptor"].append(descriptor(y, sr))
    scores = {}
    for name in METRICS:
        metric = find_metric(name)
        packed = metric.pack(kept[metric.keeps])
        scores[name] = metric.scores(packed, packed, threads=2)
    return usable, scores


def share(order: NDArray[np.int64], groups: NDArray[np.str_]) -> float:
    """Return the share of transitions that join two clips of one group."""
    return float(np.mean(groups[order[1:]] == groups[order[:-1]]))


def subset(generator: np.random.Generator, groups: NDArray[np.str_], count: int) -> NDArray[np.int64]:
    """Return the indices of `count` clips from random whole groups (the last one cut)."""
    drawn: list[int] = []
    for group in generator.permutation(np.unique(groups)):
        drawn += np.flatnonzero(groups == group).tolist()
        if len(drawn) >= count:
            break
    return np.sort(generator.permutation(np.array(drawn, np.int64)[:count]))


def interval(values: list[float]) -> str:
    """Return the mean with its 95 % interval by a bootstrap, as text."""
    generator = np.random.default_rng(0)
    means = generator.choice(values, (1_000, len(values))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{np.mean(values):.3f} ({low:.3f} – {high:.3f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--subsets", type=int, default=40)
    parser.add_argument("--clips", type=int, default=60)
    options = parser.parse_args()
    usable, scores = matrices(options.corpus, grouped_clips(options.corpus))
    groups = np.array([clip.group for clip in usable])
    found: dict[str, list[float]] = {}
    for seed in range(options.subsets):
        chosen = subset(np.random.default_rng(seed), groups, options.clips)
        here, ids = groups[chosen], np.arange(1, len(chosen) + 1)
        most = (len(here) - len(np.unique(here))) / (len(here) - 1)
        found.setdefault("the best possible order", []).append(most)
        found.setdefault("random order (shuffle)", []).append(share(shuffle(ids, seed), here))
        for metric, matrix in scores.items():
            for name, ordering in ORDERINGS.items():
                order = ordering(matrix[np.ix_(chosen, chosen)], ids)
                found.setdefault(f"{name} by {metric}", []).append(share(order, here))
    print(
        f"{len(usable)} clips, {options.subsets} songs of {options.clips}: share of transitions within a group"
    )
    for name, values in found.items():
        print(f"  {name:24} {interval(values)}")


if __name__ == "__main__":
    main()
