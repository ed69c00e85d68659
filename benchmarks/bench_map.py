"""Compare the map and the clusters of the corpus with scikit-learn's methods.

For maps, it prints the trustworthiness over 5 neighbours (J. Venna and S. Kaski, 2001), the share of clips
whose nearest clip on the map is of the same group of groups.tsv, and the time. For clusters, it prints the
adjusted Rand index, for which each clip in no cluster is its own group, and the homogeneity of the clips in
clusters. All run on one thread; peers get the whole distance matrix.

Run `python benchmarks/bench_map.py`; it takes a minute.
"""

import argparse
import time
from collections import Counter

import numpy as np
from sklearn.cluster import HDBSCAN
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, Isomap, trustworthiness
from sklearn.metrics import adjusted_rand_score, homogeneity_score
from threadpoolctl import threadpool_limits

from corpus_clips import CORPUS, long_enough
from thresher.signal.features.descriptors import descriptor
from thresher.signal.metrics.likeness import ASPECTS, Likenesses, likeness_scores
from thresher.signal.statistics.clustering import find_clusters
from thresher.signal.statistics.embedding import positions, scaled

argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
).parse_args()
CLIPS = [(clip, descriptor(y, sr)) for clip, y, sr in long_enough(CORPUS)]
VECTORS = [vector for _, vector in CLIPS]
GROUPS, KINDS = (np.array([getattr(clip, name) for clip, _ in CLIPS]) for name in ("group", "kind"))
HAS_COMPANY = np.array([Counter(GROUPS.tolist())[group] > 1 for group in GROUPS.tolist()])
KEPT = Likenesses.pack(VECTORS)
APART = 1.0 - likeness_scores(KEPT, KEPT).astype(np.float64)
WEIGHTS = [np.sqrt(aspect.weight) for aspect in ASPECTS.values()]
COORDINATES = np.hstack([w * at for w, at in zip(WEIGHTS, KEPT.exact_coordinates(), strict=True)])


def same_group(apart):
    nearest = (apart + 1e9 * np.eye(len(apart))).argmin(axis=1)
    return (GROUPS[nearest] == GROUPS)[HAS_COMPANY].mean()


def tsne(perplexity):
    method = TSNE(metric="precomputed", perplexity=perplexity, init="random", random_state=0)
    return method.fit_transform(APART)


def show_map(name, make):
    begun = time.perf_counter()
    points = make()
    seconds = time.perf_counter() - begun
    trusted = trustworthiness(APART, points, n_neighbors=5, metric="precomputed")
    found = same_group(np.linalg.norm(points[:, None] - points, axis=-1))
    print(f"{name:<26} trustworthiness {trusted:.3f}  same group {found:.3f}  {seconds:5.2f} s")


def show_clusters(name, labels):
    alone = np.where(labels < 0, labels.size + np.arange(labels.size), labels)
    print(f"{name:<26} {labels.max() + 1:3} clusters, {(labels < 0).mean():4.0%} in no cluster", end="")
    for kind in ("track", "model", "checkpoint"):
        own, clustered = kind == KINDS, (kind == KINDS) & (labels >= 0)
        rand = adjusted_rand_score(GROUPS[own], alone[own])
        print(f"  {kind} {rand:.2f}, {homogeneity_score(GROUPS[clustered], labels[clustered]):.2f}", end="")
    print()


with threadpool_limits(1):
    print(f"{len(CLIPS)} clips; same group by likeness itself: {same_group(APART):.3f}")
    show_map("thresher", lambda: positions(VECTORS))
    for n in (5, 15, 30, 50):
        show_map(f"t-SNE, perplexity {n}", lambda n=n: tsne(n))
    show_map("Isomap", lambda: Isomap(n_neighbors=5, metric="precomputed").fit_transform(APART))
    show_map("classical scaling", lambda: scaled(KEPT))
    show_map("principal components", lambda: PCA(2).fit_transform(COORDINATES))
    for n in (3, 4, 5, 8):
        show_clusters(f"thresher, smallest {n}", find_clusters(VECTORS, n).labels)
    for method, density, smallest in (("leaf", 2, 4), ("leaf", 4, 4), ("eom", 2, 4), ("eom", 2, 5)):
        of_matrix = HDBSCAN(metric="precomputed", cluster_selection_method=method, copy=True)
        of_matrix.set_params(min_cluster_size=smallest, min_samples=density)
        show_clusters(f"HDBSCAN {method} {smallest}, {density}", of_matrix.fit(APART).labels_)
    for name, points in (("coordinates", COORDINATES), ("the map", positions(VECTORS))):
        of_points = HDBSCAN(min_cluster_size=4, min_samples=2, cluster_selection_method="leaf", copy=True)
        show_clusters(f"HDBSCAN of {name}", of_points.fit(points).labels_)
