"""The tally of an ingest, and its report."""

from __future__ import annotations

from collections import Counter

from thresher.curation.ingest.report import Failure, Tally


def test_the_tally_of_a_group_is_added_to_the_total() -> None:
    total = Tally()
    for number in (1, 2):
        group = Tally(held_back=number)
        group.counts["added"] += number
        group.findings["silent"] += 1
        group.failures.append(Failure(f"{number}.wav", "unreadable", "no audio"))
        group.warnings.append(f"warning {number}")
        total.add(group)
    assert total.counts == Counter(added=3)
    assert total.findings == Counter(silent=2)
    assert [failure.path for failure in total.failures] == ["1.wav", "2.wav"]
    assert (total.warnings, total.held_back) == (["warning 1", "warning 2"], 3)
