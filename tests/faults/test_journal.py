"""The journal of a sweep: it survives a kill, and counts what was tried."""

from __future__ import annotations

from pathlib import Path

from tests.faults.journal import Entry, Journal


def test_an_interrupted_journal_continues(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    journal = Journal(file)
    journal.add(Entry("rate", "kill", 1, "open64 /catalog.db", ()))
    journal.add(Entry("rate", "full", 2, "write /catalog.db", ("it hangs",)))
    with file.open("a", encoding="utf-8") as torn:
        torn.write('{"scenario": "ra')
    again = Journal(file)
    assert again.entries == journal.entries
    assert [entry.command for entry in again.broken()] == ["python -m tests.faults rate --mode full --at 2"]
    assert Journal(file, fresh=True).entries == {}


def test_the_table_counts_only_faults_that_happened(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.add(Entry("rate", "kill", 1, "open64 /catalog.db", ()))
    journal.add(Entry("rate", "kill", 99, "", ()))
    journal.add(Entry("tag", "error", 1, "open64 /catalog.db", ("lost",)))
    table = journal.table().splitlines()
    assert table[2] == "| rate | 1 | 0 | 0 | 0 | 0 | 0 | 0 |"
    assert table[4] == "| total | 1 | 0 | 0 | 0 | 1 | 0 | 1 |"
    assert table[-1] == "1 kills, 1 failed writes, 1 broken."
