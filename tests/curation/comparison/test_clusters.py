"""Clusters of a catalog: which are shown, for which clips, and what the command prints."""

from __future__ import annotations

import csv
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from sqlalchemy import select

from tests.support import RATE, Command, MakeCatalog, copy_folder
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import cluster, cluster_clip, clustering
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.listing import list_clips
from thresher.curation.comparison.cluster_fit import ClusterChange, fit_clusters
from thresher.curation.comparison.clusters import Clustering, clusters
from thresher.curation.cutting.undo import undo
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.errors import CatalogError, NotFoundError, UsageError
from thresher.signal.statistics.clustering import SMALLEST

LIKENESS_ALONE = '[metrics]\nuse = ["likeness"]\ndefault = "likeness"\n'


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, new_catalog: MakeCatalog, family: Any, serial: IngestOptions
) -> Path:
    """The folder that `grouped` is copied from."""
    home = tmp_path_factory.mktemp("grouped")
    (home / "clips").mkdir()
    for kind, count in enumerate((7, 6, 5)):
        for seed in range(count):
            write(home, family, kind, seed)
    new_catalog(home).close()
    (home / "catalog.toml").write_text(LIKENESS_ALONE)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "clips"], serial)
    return home


@pytest.fixture
def grouped(template: Path, tmp_path: Path) -> Iterator[Catalog]:
    """Hiss (7 clips, ids 1 to 7), drone (6, to 13) and beats (5, to 18), each of an epoch of its own."""
    copy_folder(template, tmp_path)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        yield catalog


def write(folder: Path, family: Any, kind: int, seed: int) -> None:
    soundfile.write(folder / f"clips/night_epoch_{kind}_{seed}.wav", family(kind, seed), RATE)


def members(catalog: Catalog, number: int) -> list[int]:
    return [row.id for row in list_clips(catalog, [f"cluster:{number}"])]


def test_the_first_call_groups_all_clips_and_stores_the_fit(grouped: Catalog) -> None:
    found = clusters(grouped)
    assert [(row.number, row.size, row.epoch) for row in found.clusters] == [(1, 7, 0), (2, 6, 1), (3, 5, 2)]
    assert found.change == ClusterChange(kept=(), new=(1, 2, 3), gone=())
    assert (found.query, found.smallest, found.alone, found.unfitted, found.undescribed) == ("", 4, 0, 0, 0)
    assert members(grouped, 2) == [8, 9, 10, 11, 12, 13]
    again = clusters(grouped)
    assert again.change is None
    assert (again.clusters, again.fitted_at) == (found.clusters, found.fitted_at)


def test_rows_describe_the_clips_of_each_cluster(grouped: Catalog) -> None:
    judging.rate(grouped, ["id:1..2"], 4)
    judging.rate(grouped, ["id:3"], 1)
    judging.modify(grouped, ["id:7"], {"epoch": "9"})
    hiss = clusters(grouped).clusters[0]
    assert hiss.mean_rating == pytest.approx(3.0)
    assert hiss.heard == pytest.approx(3 / 7)
    assert (hiss.run, hiss.epoch) == ("night", 0)
    assert hiss.share == pytest.approx(6 / 7)
    assert hiss.path is not None
    assert hiss.path.endswith(f"night_epoch_0_{hiss.medoid - 1}.wav")


def test_the_medoid_has_the_highest_mean_likeness(grouped: Catalog) -> None:
    row = clusters(grouped).clusters[1]
    scores = {
        (one, other): list_scores(grouped, one)[other]
        for one in range(8, 14)
        for other in range(8, 14)
        if one != other
    }
    means = {
        one: sum(scores[one, other] for other in range(8, 14) if other != one) / 5 for one in range(8, 14)
    }
    assert row.medoid == max(means, key=lambda one: means[one])
    assert row.likeness == pytest.approx(sum(means.values()) / 6, abs=1e-6)


def test_no_transaction_is_open_while_medoids_are_found(
    grouped: Catalog, computed_in_transactions: list[str]
) -> None:
    assert len(clusters(grouped).clusters) == len(clusters(grouped, "^id:1").clusters) > 1
    assert computed_in_transactions == []


def list_scores(catalog: Catalog, clip_id: int) -> dict[int, float]:
    from thresher.curation.comparison.neighbours import near

    return {found.clip.id: found.score for found in near(catalog, str(clip_id), limit=50)}


def test_a_query_restricts_the_clusters_shown(grouped: Catalog) -> None:
    whole = clusters(grouped)
    part = clusters(grouped, ["id:6..10"])
    assert [(row.number, row.size) for row in part.clusters] == [(2, 3), (1, 2)]
    assert all(6 <= row.medoid <= 10 for row in part.clusters)
    assert clusters(grouped).clusters == whole.clusters
    one = clusters(grouped, ["id:8"])
    assert [(row.number, row.medoid, row.likeness) for row in one.clusters] == [(2, 8, None)]
    assert clusters(grouped, ["id:99"]).clusters == ()


def test_new_clips_are_in_no_cluster_until_a_refit(
    grouped: Catalog, tmp_path: Path, family: Any, serial: IngestOptions
) -> None:
    clusters(grouped)
    for seed in range(7):
        write(tmp_path, family, 3, seed)
    write(tmp_path, family, 1, 99)
    ingest(grouped, [tmp_path / "clips"], serial)
    found = clusters(grouped)
    assert (found.unfitted, found.undescribed) == (8, 0)
    assert found.refit_command == "thresher clusters --refit"
    assert sum(row.size for row in found.clusters) == 18
    refitted = clusters(grouped, refit=True)
    assert refitted.change == ClusterChange(kept=(1, 2, 3), new=(4,), gone=())
    assert {row.number: row.size for row in refitted.clusters} == {1: 7, 2: 7, 3: 5, 4: 7}
    assert members(grouped, 3) == [14, 15, 16, 17, 18]
    assert refitted.unfitted == 0


def test_numbers_are_never_reused(grouped: Catalog) -> None:
    clusters(grouped)
    assert fit_clusters(grouped, ["id:1..13"]) == ClusterChange(kept=(1, 2), new=(), gone=(3,))
    assert fit_clusters(grouped) == ClusterChange(kept=(1, 2), new=(4,), gone=())
    assert members(grouped, 4) == [14, 15, 16, 17, 18]
    assert fit_clusters(grouped, smallest=19) == ClusterChange(kept=(), new=(), gone=(1, 2, 4))
    found = clusters(grouped)
    assert (found.clusters, found.alone) == ((), 18)
    assert found.refit_command == "thresher clusters --refit --smallest 19"
    assert fit_clusters(grouped).new == (5, 6, 7)


def test_the_same_clips_have_the_same_clusters(grouped: Catalog) -> None:
    first = clusters(grouped)
    again = clusters(grouped, refit=True)
    assert again.change == ClusterChange(kept=(1, 2, 3), new=(), gone=())
    assert again.clusters == first.clusters
    with grouped.reading() as connection:
        assert len(connection.execute(select(clustering)).all()) == 1


def test_a_fit_of_a_query_is_shown_for_that_query(grouped: Catalog) -> None:
    found = clusters(grouped, ["epoch:0..1"])
    assert (found.query, [row.size for row in found.clusters]) == ("epoch:0..1", [7, 6])
    shown = clusters(grouped)
    assert (shown.clusters, shown.unfitted) == (found.clusters, 0)
    assert shown.refit_command == "thresher clusters epoch:0..1 --refit"
    others = clusters(grouped, ["id+"])
    assert (others.unfitted, others.outside) == (0, 5)


def test_another_smallest_needs_a_refit(grouped: Catalog) -> None:
    clusters(grouped)
    with pytest.raises(UsageError, match=r"4 clips or more; add --refit"):
        clusters(grouped, smallest=6)
    assert [row.number for row in clusters(grouped, smallest=4).clusters] == [1, 2, 3]
    larger = clusters(grouped, smallest=6, refit=True)
    assert larger.smallest == 6
    assert min(row.size for row in larger.clusters) >= 6
    assert clusters(grouped).refit_command == "thresher clusters --refit --smallest 6"


def test_rejected_clips_are_not_shown_and_not_fitted(grouped: Catalog) -> None:
    medoid = clusters(grouped).clusters[0].medoid
    judging.reject(grouped, [f"id:{medoid}"])
    hiss = clusters(grouped).clusters[0]
    assert (hiss.number, hiss.size) == (1, 6)
    shown = {row.number: row for row in clusters(grouped).clusters}
    assert shown[1].size == 6
    assert shown[1].medoid != medoid
    assert clusters(grouped, ["rejected+"]).clusters[0].medoid == medoid
    fit_clusters(grouped)
    judging.undo(grouped)
    assert clusters(grouped).unfitted == 1


def test_forgotten_clips_leave_their_clusters(grouped: Catalog, tmp_path: Path) -> None:
    medoid = clusters(grouped).clusters[2].medoid
    forget(grouped, str(tmp_path / f"clips/night_epoch_2_{medoid - 14}.wav"))
    beats = clusters(grouped).clusters[2]
    assert (beats.number, beats.size) == (3, 4)
    assert beats.medoid != medoid
    for seed in range(5):
        if seed != medoid - 14:
            forget(grouped, str(tmp_path / f"clips/night_epoch_2_{seed}.wav"))
    assert [row.number for row in clusters(grouped).clusters] == [1, 2]
    assert fit_clusters(grouped) == ClusterChange(kept=(1, 2), new=(), gone=(3,))


def test_clips_forgotten_while_they_are_compared_are_left_out(
    grouped: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from thresher.curation.comparison import cluster_fit as module

    found = module.find_clusters

    def find_and_forget(*arguments: Any, **options: Any) -> Any:
        forget(grouped, str(tmp_path / "clips/night_epoch_1_0.wav"))
        return found(*arguments, **options)

    monkeypatch.setattr(module, "find_clusters", find_and_forget)
    fit_clusters(grouped)
    with grouped.reading() as connection:
        assert 8 not in set(connection.scalars(select(cluster_clip.c.clip_id)))
        assert len(list(connection.scalars(select(cluster.c.number)))) == 3


@pytest.mark.parametrize("smallest", [1, 0, -3, 2**70])
def test_a_smallest_size_out_of_range_is_refused(grouped: Catalog, smallest: int) -> None:
    with pytest.raises(UsageError, match="--smallest"):
        fit_clusters(grouped, smallest=smallest)


def test_fewer_clips_than_a_cluster_are_in_no_cluster(grouped: Catalog) -> None:
    found = clusters(grouped, ["id:1..3"])
    assert (found.clusters, found.alone) == ((), 3)


def test_a_query_without_clips_raises_an_error(grouped: Catalog) -> None:
    with pytest.raises(NotFoundError, match="no clip to group"):
        clusters(grouped, ["id:99"])


def test_without_likeness_the_error_names_the_setting(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    write_clip(tmp_path / "clips/a.wav", 1)
    ingest(catalog, [tmp_path / "clips"], serial)
    with pytest.raises(CatalogError, match=r"\[metrics\] use") as caught:
        clusters(catalog)
    assert "\n" not in str(caught.value)


def test_references_are_in_no_cluster(grouped: Catalog) -> None:
    judging.modify(grouped, ["id:1"], {"role": "reference"})
    found = clusters(grouped)
    assert found.undescribed == 1
    assert sum(row.size for row in found.clusters) == 17


@pytest.mark.slow
def test_on_the_corpus_clusters_are_of_one_track(tmp_path: Path, corpus: Path, serial: IngestOptions) -> None:
    from sklearn.metrics import homogeneity_score

    with Catalog.create(tmp_path):
        (tmp_path / "catalog.toml").write_text(LIKENESS_ALONE)
    with open(corpus / "groups.tsv", newline="", encoding="utf-8") as file:
        group_of = {row["path"]: row["group"] for row in csv.DictReader(file, delimiter="\t")}
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [corpus / "music"], serial)
        found = clusters(catalog)
        listed = {row.number: list_clips(catalog, [f"cluster:{row.number}"]) for row in found.clusters}
    pairs = [
        (group_of["music" + (clip.path or "").split("music", 1)[1]], number)
        for number, rows in listed.items()
        for clip in rows
    ]
    assert homogeneity_score(*zip(*pairs, strict=True)) > 0.85
    assert found.alone < 0.25 * 148


@pytest.mark.usefixtures("grouped")
def test_the_command_groups_shows_and_writes_json(command: Command) -> None:
    done = command("clusters")
    assert done.returncode == 0
    assert "medoid" in done.stdout
    assert "18 clips in 3 clusters, 0 in no cluster" in done.stderr
    done = command("clusters", "epoch:1", "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert [(row["number"], row["size"]) for row in answer["clusters"]] == [(2, 6)]
    assert answer["change"] is None
    done = command("clusters", "epoch:0..1", "--refit", "--format", "csv")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    assert "2 kept their numbers; new: none; gone: 3" in done.stderr
    done = command("clusters", "id+")
    assert done.returncode == 0
    assert "5 clips outside the query of this grouping" in done.stderr
    done = command("clusters", "--smallest", "6")
    assert done.returncode == 2
    assert "--refit" in done.stderr
    assert command("clusters", "--smallest", "1").returncode == 2


def test_clusters_hold_shown_clips_only(cut_clips: Catalog) -> None:
    found = clusters(cut_clips, refit=True, smallest=2)
    assert found.alone + sum(row.size for row in found.clusters) == 8
    medoids = {row.medoid: row.part for row in found.clusters}
    shown = {row.id: row.place for row in list_clips(cut_clips)}
    assert medoids == {clip_id: shown[clip_id] for clip_id in medoids}
    undo(cut_clips, 1)  # the parts are removed, and the whole is not in the fit
    again = clusters(cut_clips)
    assert again.alone + sum(row.size for row in again.clusters) == 5
    assert again.unfitted == 1
    assert not {row.medoid for row in again.clusters} & {5, 6, 7}


@pytest.mark.parametrize("query", ["epoch:3 , rating:4..", "(epoch:3 , $x)", "'rating>=4'", 'path:"it\'s"'])
def test_a_shell_reads_the_query_of_the_command_that_groups_again(query: str) -> None:
    shown = Clustering(query, 0.0, SMALLEST, (), 0, 0, 0)
    words = shlex.split(shown.refit_command)
    assert words[:2] + words[-1:] == ["thresher", "clusters", "--refit"]
    assert " ".join(words[2:-1]) == query
