"""The sweep: `python -m tests.faults`, or `make faults`."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from tests.faults.interposer import MODES, missing_requirement
from tests.faults.journal import Journal, digest_of_sources, journal_file
from tests.faults.scenarios import SCENARIOS
from tests.faults.sweep import Sweep, Wanted


def main() -> int:
    """Try faults and print what broke. Return 0 if nothing did, 1 if something did."""
    options = _options()
    digest = digest_of_sources()
    journal = Journal(journal_file(digest), fresh=options.fresh)
    if options.summary:
        print(journal.table())
        return 0
    reason = missing_requirement()
    if reason is not None:
        print(f"skipped: {reason}")
        return 0
    wanted = Wanted(
        options.scenarios or list(SCENARIOS),
        options.mode or list(MODES),
        options.points,
        options.at,
        options.offset,
        options.cold,
        options.sample,
    )
    sweep = Sweep(wanted, journal)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    try:
        sweep.run(options.jobs)
    except KeyboardInterrupt:
        print("interrupted; the same command continues")
        return 130
    return _told(sweep, journal)


def _told(sweep: Sweep, journal: Journal) -> int:
    broken = journal.broken()
    for entry in broken:
        print(f"BROKEN {entry.scenario}, {entry.mode}, event {entry.at} ({entry.what}): {entry.problems[0]}")
        print(f"  again: {entry.command}")
    for failure in sweep.failures:
        print(f"FAILED {failure}")
    print(journal.table())
    return 1 if broken or sweep.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="default: all; --list shows them")
    parser.add_argument("--mode", action="append", choices=MODES, help="default: all modes; can be repeated")
    parser.add_argument("--points", type=int, default=60, help="the most events of each scenario and mode")
    parser.add_argument("--at", type=int, help="disturb this event only, also if it was done before")
    parser.add_argument("--offset", type=int, default=0, help="shift the chosen events, to try others")
    parser.add_argument("--sample", action="store_true", help="a kill and a failure of each command")
    parser.add_argument("-j", "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="workers")
    parser.add_argument("--cold", action="store_true", help="start each command as a new process")
    parser.add_argument("--fresh", action="store_true", help="forget what was done before")
    parser.add_argument("--summary", action="store_true", help="print the counts so far, and end")
    parser.add_argument("--list", action="store_true", help="list the scenarios, and end")
    options = parser.parse_args()
    if options.list:
        for name, scenario in SCENARIOS.items():
            print(f"{name:<16} thresher {scenario.command}")
        parser.exit()
    unknown = sorted(set(options.scenarios) - set(SCENARIOS))
    if unknown:
        parser.error(f"unknown scenario {', '.join(unknown)} (expected {', '.join(SCENARIOS)})")
    return options


if __name__ == "__main__":
    sys.exit(main())
