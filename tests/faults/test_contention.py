"""Several programs write to one catalog on a server: none fails, and the result is that of a serial order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, select

import thresher
from tests.faults.contender import ROUNDS_OF_INGEST
from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES, ROOT, WriteClip, environment
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.retries import ALONE, TRIES
from thresher.catalog.database.schema import clip, clip_tag, decision
from thresher.catalog.decisions.journal import history
from thresher.catalog.scores import scores

pytestmark = needs_postgres

NAMES = ("anna", "ben")
ROUNDS = 200
SETTINGS = '[catalog]\ndatabase = "{url}"\n[ingest]\nexecutor = "serial"\n[metrics]\nuse = ["prefix"]\n'


@pytest.fixture
def shared(catalog: Catalog, tmp_path: Path, write_clip: WriteClip) -> Catalog:
    """A catalog of four clips, with files for two programs to ingest; catalog.toml has its address."""
    assert POSTGRES is not None
    url = POSTGRES.target_of(catalog.settings.catalog.database, catalog.root)
    assert isinstance(url, URL)
    catalog.file.write_text(SETTINGS.format(url=url.render_as_string()))
    for number in range(4):
        write_clip(tmp_path / "common" / f"{number}.wav", number, 3.2, rate=8_000)
    for place, name in enumerate(NAMES, start=1):
        for number in range(ROUNDS // ROUNDS_OF_INGEST):
            write_clip(tmp_path / name / f"{number:03}.wav", 1_000 * place + number, 3.2, rate=8_000)
    with Catalog.open(catalog.file) as opened:
        thresher.ingest(opened, [tmp_path / "common"])
        thresher.save_song(opened, "both", ["id:1"])
    return catalog


def test_two_programs_at_once_do_what_they_do_one_after_the_other(shared: Catalog) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.contender", name, str(ROUNDS)],
            cwd=shared.root,
            env=environment(PYTHONPATH=f"{ROOT}:{ROOT / 'src'}"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in NAMES
    ]
    outputs = [each.communicate() for each in running]
    assert [each.returncode for each in running] == [0, 0], outputs
    results = [json.loads(printed) for printed, _ in outputs]
    print(results)
    lost = sum(sum(each["lost"].values()) for each in results)
    assert lost > 0  # else the programs did not meet
    with Catalog.open(shared.file) as catalog, catalog.reading() as connection:
        writes = len(history(connection)) + ROUNDS // ROUNDS_OF_INGEST
        assert lost < writes * (TRIES - ALONE)
        assert thresher.verify(catalog).is_sound

        # each decision starts from what the one before it left, in the order in which the writer counted them
        order = list(connection.scalars(select(decision.c.id).order_by(decision.c.sequence)))
        made = {each.id: each for each in history(connection)}
        assert sorted(order) == sorted(made)
        values: dict[tuple[str, int, str], object] = {}
        for change in (change for number in order for change in made[number].changes):
            assert values.setdefault(change.field_key, change.before) == change.before
            values[change.field_key] = change.after
        ratings = connection.execute(select(clip.c.id, clip.c.rating).where(clip.c.rating.is_not(None)))
        assert {("clip", row.id, "rating"): row.rating for row in ratings} == {
            key: value for key, value in values.items() if key[2] == "rating"
        }

        # no tag is lost, each program's clips are there, and every pair of clips has a score
        tags = connection.scalars(select(clip_tag.c.tag)).all()
        assert sorted(tags) == sorted(f"{name} {number}" for name in NAMES for number in range(ROUNDS))
        clips = connection.scalars(select(clip.c.id)).all()
        assert len(clips) == 4 + len(NAMES) * ROUNDS // ROUNDS_OF_INGEST
        metric_id = scores.metric_id(connection, "prefix", 1)
        assert scores.coverage(connection, metric_id).complete
        assert scores.read_state(connection, metric_id).live == len(clips)
