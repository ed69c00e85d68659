"""docs/structure.md lists the packages that exist, docs/design.md names tables and modules that exist, and the
tests of a module are in the file of its name."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from thresher.catalog.database.schema import metadata

ROOT = Path(__file__).resolve().parents[1]
DESIGN = (ROOT / "docs/design.md").read_text("utf-8")


OF_NO_SINGLE_MODULE = {
    "interfaces/web/test_accessibility_browser.py",  # of the page
    "interfaces/web/test_page_colours.py",  # of the page
    "catalog/recordings/test_parts_upgrade.py",  # parts and marks of older catalogs
    "catalog/queries/test_queries_on_both.py",  # all modules of queries, in both databases
    "catalog/queries/test_query_upgrade.py",  # saved queries of older catalogs
    "curation/executors/test_dask_faults.py",  # a whole cluster
    "curation/executors/test_dask_namespaces.py",
    "curation/executors/test_dask_tls.py",  # a whole cluster on several hosts
    "curation/ingest/test_run_of_new_files.py",  # how a run gets its name, over scan, reading and storing
    "curation/ingest/test_transactions.py",  # all modules of an ingest
    "curation/songs/test_corpus_songs.py",  # whole songs of real clips
    "curation/test_faults.py",  # the table of docs/reliability.md
    "curation/test_several_machines.py",  # two machines that share a catalog
    "interfaces/cli/commands/test_list_measures.py",  # long enough for a file beside test_list.py
    "interfaces/cli/commands/test_song_errors.py",  # the exit codes of all commands of songs
    "interfaces/report/test_page_browser.py",  # the page in a browser, which takes long
    "interfaces/web/test_openapi.py",  # the description of all routes
    "interfaces/web/test_busy_server_browser.py",  # a page whose server is busy for a while
    "interfaces/web/test_lists_browser.py",  # ends of lists, and what stays in view while they change
    "interfaces/web/test_names_browser.py",  # names of every kind in a browser
    "interfaces/web/test_hearing_browser.py",  # moments, selections, downloads and undo in a browser
    "interfaces/web/test_late_answers_browser.py",  # answers that reach the page late, or not at all
    "interfaces/web/test_restart_browser.py",  # an open page and a server that starts again
    "interfaces/web/test_windows_browser.py",  # several windows of the room, and the terminal beside it
    "interfaces/web/test_several_machines.py",  # all routes, on a machine that lacks a root
    "interfaces/web/test_read_only_role.py",  # the room of a role that may only read
    "interfaces/web/test_room_browser.py",  # the listening room in a browser
}
"""Test files that are named after what they test instead of after a module."""

HARNESSES = ("faults", "fuzz", "model")
"""Folders of `tests` with programs that try the whole, see docs/reliability.md."""

WITHOUT_BEHAVIOUR = {
    "catalog/audio/decoder_names.py",  # names
    "catalog/database/sql_functions.py",  # a table of functions
    "curation/comparison/score_report.py",  # a dataclass
    "curation/exports/formats/export_format.py",  # a dataclass
    "curation/exports/formats/timeline.py",  # dataclasses
    "interfaces/cli/commands/songs.py",  # imports
}
"""Modules with nothing to test."""

TESTED_ELSEWHERE = {
    "catalog/audio/audio_format.py",
    "catalog/catalog_backups.py",
    "catalog/database/database.py",
    "catalog/safety/database_copy.py",
    "catalog/audio/mpeg_damage.py",
    "catalog/outdated.py",
    "catalog/outputs.py",
    "catalog/audio/packets.py",
    "catalog/files/partial_files.py",
    "catalog/database/presence.py",
    "catalog/database/postgres_migrations.py",
    "catalog/queries/context.py",
    "catalog/queries/ids.py",
    "catalog/queries/included.py",
    "catalog/queries/joins.py",
    "catalog/queries/lookups.py",
    "catalog/queries/parser.py",
    "catalog/queries/terms.py",
    "catalog/safety/row_copy.py",
    "catalog/audio/sndfile_decoder.py",
    "curation/analysis/worker.py",
    "curation/executors/inputs.py",
    "curation/executors/worker_process.py",
    "curation/backups/difference.py",
    "curation/backups/export_catalog.py",
    "curation/backups/import_cuts.py",
    "curation/backups/import_songs.py",
    "curation/clips/prune_entries.py",
    "curation/clips/restore.py",
    "curation/clips/trash_folders.py",
    "curation/cutting/finding.py",
    "curation/cutting/reanalysed.py",
    "curation/cutting/split_report.py",
    "curation/exports/formats/manifest_json.py",
    "curation/ingest/linked.py",
    "curation/ingest/rereading.py",
    "curation/previews/pictures.py",
    "curation/previews/source.py",
    "curation/renderings/decoders.py",
    "curation/songs/former_rules.py",
    "curation/songs/listing.py",
    "interfaces/cli/app.py",
    "interfaces/cli/clip_columns.py",
    "interfaces/cli/commands/clusters.py",
    "interfaces/cli/confirm.py",
    "interfaces/cli/decision_output.py",
    "interfaces/cli/commands/dupes.py",
    "interfaces/cli/commands/exporting.py",
    "interfaces/cli/commands/fields.py",
    "interfaces/cli/commands/ingest.py",
    "interfaces/cli/ingest_options.py",
    "interfaces/cli/commands/near.py",
    "interfaces/cli/progress.py",
    "interfaces/cli/commands/rate.py",
    "interfaces/cli/commands/reject.py",
    "interfaces/cli/commands/serve.py",
    "interfaces/cli/commands/show.py",
    "interfaces/cli/song_options.py",
    "interfaces/cli/song_text.py",
    "interfaces/cli/split_output.py",
    "interfaces/cli/commands/stats.py",
    "interfaces/cli/commands/tag.py",
    "interfaces/cli/commands/upgrade.py",
    "interfaces/cli/commands/verify.py",
    "interfaces/cli/watch_output.py",
    "interfaces/plain.py",
    "interfaces/report/clip_map_view.py",
    "interfaces/report/inline.py",
    "interfaces/web/addresses.py",
    "interfaces/web/room/heads.py",
    "interfaces/web/room/room.py",
    "interfaces/web/room/shapes.py",
    "interfaces/web/room_lock.py",
    "interfaces/web/routes/room.py",
    "interfaces/web/static_files.py",
    "signal/features/descriptors.py",
    "signal/features/offset.py",
    "signal/features/spectra.py",
    "signal/metrics/kernels.py",
    "signal/metrics/metric.py",
    "signal/ordering/chain_kernels.py",
    "signal/statistics/neighbours.py",
}
"""Modules whose tests are in files of other names: of the commands that use them, or of the function that calls
them. Take a module out of this list by giving it a test file of its name; add none."""


@pytest.fixture(scope="module")
def structure() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_structure", ROOT / "docs/make_structure.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
def test_the_page_lists_the_packages_of_the_code_and_none_imports_one_that_imports_it(
    structure: ModuleType,
) -> None:
    listed = re.findall(r"^\| `([^`]+)`", (ROOT / "docs/structure.md").read_text("utf-8"), re.MULTILINE)
    found = structure.packages(structure.read_sources(None))
    assert sorted(listed) == sorted(each.name for each in found)
    assert [each.name for each in found if each.has_cycle] == []


def test_packages_follow_those_they_import(structure: ModuleType) -> None:
    sources = {
        "__init__.py": "",
        "signal/b/one.py": "from thresher.signal.a import two\n",
        "signal/a/two.py": "import thresher.errors\n",
        "errors.py": "",
        "catalog/three.py": "def f():\n    from thresher.signal.b.one import g\n",
    }
    found = structure.packages(sources)
    assert [each.name for each in found] == ["errors.py", "signal/a", "signal/b", "catalog", "__init__.py"]
    assert [each.imports for each in found] == [(), (), ("signal/a",), ("signal/b",), ()]


def test_lines_of_code_exclude_blank_lines_comments_and_docstrings(structure: ModuleType) -> None:
    text = '"""Doc.\n\nMore.\n"""\n\n# comment\nx = 1  # one\n\n\ndef f():\n    """Doc."""\n    return """a\nb"""\n'
    assert structure.code_lines(text) == 4


def test_the_design_page_names_every_table() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", DESIGN, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(metadata.tables)


def test_the_layout_on_the_design_page_lists_every_package() -> None:
    layout = DESIGN.split("```")[1]
    packages = {path.parent.name for path in (ROOT / "src/thresher").glob("*/*/__init__.py")}
    assert len(packages) > 20
    assert packages - set(re.findall(r"\b(\w+)/", layout)) == set()


def test_the_modules_named_on_the_design_page_exist() -> None:
    named = re.findall(r"`((?:signal|catalog|curation|interfaces)/[\w/]+\.py)`", DESIGN)
    assert len(named) > 3
    assert [name for name in named if not (ROOT / "src/thresher" / name).is_file()] == []


def test_a_test_file_has_the_name_of_a_module() -> None:
    tests = [path.relative_to(ROOT / "tests") for path in (ROOT / "tests").glob("*/**/test_*.py")]
    named = {
        str(path)
        for path in tests
        if path.parts[0] not in HARNESSES
        and not (ROOT / "src/thresher" / path.with_name(path.name.removeprefix("test_"))).is_file()
    }
    assert named == OF_NO_SINGLE_MODULE


def test_a_module_has_a_test_file_of_its_name() -> None:
    modules = [path.relative_to(ROOT / "src/thresher") for path in (ROOT / "src/thresher").glob("*/**/*.py")]
    without = {
        str(path)
        for path in modules
        if path.name != "__init__.py" and not (ROOT / "tests" / path.with_name(f"test_{path.name}")).is_file()
    }
    assert without == WITHOUT_BEHAVIOUR | TESTED_ELSEWHERE
