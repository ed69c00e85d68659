"""What happens in a watch, in words, for the commands that watch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from thresher.formatting import counted
from thresher.interfaces.cli.ingest_output import tell_counts, tell_troubles, tell_without_file
from thresher.interfaces.cli.output import say, tell

if TYPE_CHECKING:
    from thresher.curation.ingest.watch import WatchEvent, WatchReport


def tell_watched(report: WatchReport) -> None:
    """Print the totals of a watch that has ended."""
    rest = "; the last ingest was interrupted, and what it committed stays" if report.interrupted else ""
    failed = f", {counted(report.failed, 'file')} that can't be used" if report.failed else ""
    batches = f"{report.batches:,} {'batch' if report.batches == 1 else 'batches'}"
    copies = f"{report.copies:,} {'copy' if report.copies == 1 else 'copies'}"
    tell(f"watched: {batches}, {counted(report.added, 'new clip')}, {copies}{failed}{rest}")


def tell_event(event: WatchEvent) -> None:
    """Print an event of a watch."""
    from thresher.curation.ingest.watch import WatchNews

    match event.news:
        case WatchNews.BATCH if event.report is not None:
            tell_counts(event.report)
            tell_without_file(event.report.without_file)
            tell_troubles(event.report)
            if event.report.scoring_failure:
                say(f"not scored yet: {event.report.scoring_failure}")
        case WatchNews.AWAY:
            say(
                f"{event.folder} {event.reason}; no file is marked missing, and the watch waits for the folder"
            )
        case WatchNews.BACK:
            say(f"{event.folder} is back")
        case _:
            say(f"the ingest failed and is tried again after the next quiet period: {event.reason}")
    sys.stdout.flush()  # a log file must not wait for a full buffer
