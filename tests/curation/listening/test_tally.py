"""What became of a queue, by checkpoint."""

from __future__ import annotations

from thresher.catalog.catalog import Catalog
from thresher.curation.listening.heard import mark_heard
from thresher.curation.listening.queue import latest_listening, plan_listening, resume_listening, skip
from thresher.curation.listening.tally import tally_listening


def test_done_kept_and_rejected_clips_add_up_for_each_checkpoint(fresh: Catalog) -> None:
    queue = plan_listening(fresh, (), 5)
    assert sum(each.done for each in tally_listening(queue)) == 0
    first, second, third, *rest = (row.id for row in queue.clips)
    mark_heard(fresh, [first], rating=4)
    mark_heard(fresh, [second], reject=True)
    skip(fresh, queue, third)
    mark_heard(fresh, rest)
    assert resume_listening(fresh) is None
    finished = latest_listening(fresh)
    assert finished is not None
    tallies = tally_listening(finished)
    assert len(tallies) == len({(row.run, row.epoch, row.step) for row in queue.clips})
    assert sum(each.clips for each in tallies) == len(queue.clips)
    assert all(each.kept + each.rejected == each.done == each.clips for each in tallies)
    assert sum(each.rejected for each in tallies) == 1
    assert [each.rating for each in tallies if each.rating is not None] == [4.0]
