"""One registry line is enough for a metric, measure, query field, file-name pattern or export format.

`PROGRAM` adds one entry to each registry at run time and then runs commands. The tests find the new names in what
the commands print, and do not find them in what the program prints without the entries.
"""

from __future__ import annotations

import csv
import io
import json
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT, Finished, WriteClip, environment, run_command, run_python
from thresher.signal.features.measure_registry import MEASURES, MeasureEntry
from thresher.signal.metrics.registry import METRICS, MetricEntry

EXTENSION = """
from dataclasses import replace

from thresher.signal.metrics.prefix import PREFIX

SAMENESS = replace(PREFIX, name="sameness")


def length_in_frames(clip):
    return float(sum(len(block) for block in clip.blocks))


def clip_list(timeline, folder):
    return "".join(f"{entry.clip}\\n" for entry in timeline.entries)
"""
"""The module of a new metric, a new measure and a new export format."""

PROGRAM = r"""
import json
import sys
from pathlib import Path

from thresher.signal.features import measure_registry
from thresher.signal.metrics import registry as metrics

metrics.METRICS = {
    **metrics.METRICS,
    "sameness": metrics.MetricEntry("sameness", "whether two clips are the same", "extension:SAMENESS"),
}
measure_registry.MEASURES = {
    **measure_registry.MEASURES,
    "extent": measure_registry.MeasureEntry(
        "extent", 1, "number of measured frames", "extension:length_in_frames", "extent", 0, 0, "frames"
    ),
}

from thresher.catalog.queries import fields

from thresher.catalog.provenance import name_patterns
from thresher.catalog.queries.field_kinds import number
from thresher.catalog.database.schema import clip

fields.FIELDS = {**fields.FIELDS, "doubled": number("doubled", clip.c.id * 2, "twice the id")}
name_patterns.PATTERNS = (
    name_patterns.Pattern("extension", "x7-calm.wav", r"x(?P<epoch>\d+)-(?P<mood>[a-z]+)"),
    *name_patterns.PATTERNS,
)

from thresher.curation.exports.formats import registry as formats

formats.FORMATS = {
    **formats.FORMATS,
    ".ids": formats.ExportFormat(".ids", "list of the clips, one id per line", "extension:clip_list"),
}

from tests.support import run_command

for line in sys.stdin:
    print(json.dumps(run_command(*json.loads(line), cwd=Path.cwd())), flush=True)
"""

SETTINGS = '[metrics]\nuse = ["prefix", "sameness"]\n[ingest]\nexecutor = "serial"\n'


class Extended:
    """The extended program, which runs all commands of these tests in one process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "program.py"],
            cwd=folder,
            env=environment(PYTHONPATH=f"{ROOT / 'src'}:{ROOT}"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *commands: str) -> list[Finished]:
        """Run commands, and return what each of them printed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        finished = []
        for command in commands:
            self.process.stdin.write(json.dumps(shlex.split(command)) + "\n")
            self.process.stdin.flush()
            finished.append(Finished(*json.loads(self.process.stdout.readline())))
        return finished


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory, write_clip: WriteClip) -> Iterator[Extended]:
    """The extended program in a folder with a catalog, of which one clip came before the extension."""
    folder = tmp_path_factory.mktemp("extended")
    (folder / "extension.py").write_text(EXTENSION)
    (folder / "program.py").write_text(PROGRAM)
    write_clip(folder / "old" / "night_epoch_1.wav", 1)
    for seed, name in enumerate(("x7-calm.wav", "x8-loud.wav"), 2):
        write_clip(folder / "new" / name, seed)
    assert run_command("init", cwd=folder).returncode == 0
    (folder / "catalog.toml").write_text(SETTINGS.replace(', "sameness"', ""))
    assert run_command("ingest", "old", cwd=folder).returncode == 0
    (folder / "catalog.toml").write_text(SETTINGS)
    program = Extended(folder)
    with program.process:
        (ingested,) = program("ingest new")
        assert ingested.returncode == 0, ingested.stderr
        yield program
        assert program.process.stdin is not None
        program.process.stdin.close()


def ids(done: Finished) -> list[int]:
    """Return the ids of the clips that `list --json` printed."""
    assert done.returncode == 0, done.stderr
    return [row["id"] for row in json.loads(done.stdout)]


@pytest.mark.long
def test_a_metric_is_in_help_settings_fields_scores_and_songs(extended: Extended) -> None:
    helps = ["near --help", "score --help", "song save --help"]
    *shown, scored, near, unknown, saved, stats = extended(
        *helps,
        "list score@sameness:0.. score@sameness- --json",
        "list near@sameness:1:0.. --json",
        "list score@sameless:0..",
        "song save S status:ok --order pairs --metric sameness",
        "stats --json",
    )
    for command, done in zip(helps, shown, strict=True):
        assert "sameness" in done.stdout
        assert "sameness" not in run_command(*command.split(), cwd=extended.folder).stdout
    refused = run_command("list", cwd=extended.folder)
    assert '[metrics] use: "sameness" is not prefix, aligned or likeness' in refused.stderr
    assert len(ids(scored)) == 3
    assert len(ids(near)) == 2
    assert 'unknown metric "sameless" (expected prefix, aligned, likeness or sameness)' in unknown.stderr
    assert saved.returncode == 0, saved.stderr
    metrics = [(row["name"], row["open"]) for row in json.loads(stats.stdout)["metrics"]]
    assert metrics == [("prefix", 0), ("sameness", 0)]


def test_a_measure_is_computed_caught_up_queried_and_listed(extended: Extended) -> None:
    measured, found, shown, table, csv_table, compared, reserved = extended(
        "list extent+ --measures --json",
        "list extent:1000.. --json",
        "show 1",
        "list --measures",
        "list --measures --format csv",
        "checkpoints --compare e7 e8 --json",
        "ingest new --set extent=1",
    )
    rows = json.loads(measured.stdout)
    assert len(rows) == 3
    assert all(row["extent"] > 1_000 for row in rows), "the clip added before the measure is measured too"
    assert len(ids(found)) == 3
    assert re.search(r"extent +[0-9]+ frames", shown.stdout)
    assert "extent" in table.stdout.splitlines()[0]
    assert "extent" in next(csv.reader(io.StringIO(csv_table.stdout)))
    assert "extent" in [row["figure"] for row in json.loads(compared.stdout)["differences"]]
    assert '"extent" is already a query field' in reserved.stderr


def test_a_query_field_is_found_and_sorted_by(extended: Extended) -> None:
    found, ordered, misspelt, reserved = extended(
        "list doubled:4 --json",
        "list doubled- --json",
        "list doubld:4",
        "ingest new --set doubled=1",
    )
    assert ids(found) == [2]
    assert ids(ordered) == [3, 2, 1]
    assert "did you mean doubled" in misspelt.stderr
    assert '"doubled" is already a query field' in reserved.stderr


def test_a_file_name_pattern_reads_the_checkpoint_and_adds_a_field(extended: Extended) -> None:
    calm, loud = extended("list epoch:7 mood:calm --json", "list epoch:8 mood:loud --json")
    assert (ids(calm), ids(loud)) == ([2], [3])


def test_an_export_format_is_in_help_and_messages_and_is_written(extended: Extended) -> None:
    shown, saved, exported, refused = extended(
        "song export --help",
        "song save Ids status:ok --order id-",
        "song export Ids clips.ids --json",
        "song export Ids clips.als",
    )
    assert ".ids: list of the clips" in " ".join(re.sub("[│\\n]", " ", shown.stdout).split())
    assert ".ids" not in run_command("song", "export", "--help", cwd=extended.folder).stdout
    assert saved.returncode == 0, saved.stderr
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["format"] == ".ids"
    assert (extended.folder / "clips.ids").read_text() == "3\n2\n1\n"
    assert "(expected a name that ends in .cue, .ids, .json" in refused.stderr


def test_the_fields_command_lists_every_new_name(extended: Extended) -> None:
    (done,) = extended("fields --json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    new = {"extent", "doubled", "score@sameness", "near@sameness", "mood"}
    assert new <= set(rows)
    assert rows["extent"]["description"] == "number of measured frames"
    assert rows["doubled"]["kind"] == "number"
    (extended.folder / "plain").mkdir()
    assert run_command("init", cwd=extended.folder / "plain").returncode == 0
    known = {
        row["name"]
        for row in json.loads(run_command("fields", "--json", cwd=extended.folder / "plain").stdout)
    }
    assert not known & new


def test_the_recipes_name_files_that_exist() -> None:
    recipes = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:src|tests|docs|migrations)/[\w/.]+)`", recipes))
    assert len(named) > 12
    for path in named:
        place = ROOT / path
        assert place.parent.is_dir() if "NAME" in path else place.exists(), path


@pytest.mark.parametrize("entry", [*METRICS.values(), *MEASURES.values()], ids=lambda entry: entry.name)
def test_every_path_of_a_registry_leads_to_code_of_that_name(entry: MetricEntry | MeasureEntry) -> None:
    assert entry.description
    found = pkgutil.resolve_name(entry.path)
    assert getattr(found, "name", None) == entry.name or found.__name__ == entry.name


@pytest.mark.parametrize(
    "registry",
    [
        "thresher.signal.metrics.registry",
        "thresher.signal.features.measure_registry",
        "thresher.curation.exports.formats.registry",
    ],
)
def test_reading_a_registry_loads_nothing_heavy(registry: str) -> None:
    done = run_python(f"import sys, {registry}; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & {"numpy", "numba", "scipy", "sqlalchemy", "pydantic"}


def test_the_page_on_measures_has_a_row_for_each_in_the_order_of_the_registry() -> None:
    page = (ROOT / "docs/measures.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE) == list(MEASURES)
