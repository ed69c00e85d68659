"""Run the fuzzer: `python -m tests.fuzz [TARGET…] [--count 1%] [--seed 1] [--case N]`.

Prints one line for each finding, with the command that repeats it, and keeps its input in `fuzz-findings/`. The
exit code is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.fuzz.runner import Finding, Run
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

FOLDER = Path("fuzz-findings")
MOST_FINDINGS = 50
"""A target with more findings is ended: something fundamental is broken."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the targets that the arguments name, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all by default")
    parser.add_argument("--count", default="100%", help="how many cases of each, or a share such as 1%%")
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other cases")
    parser.add_argument("--case", type=int, help="run this case only")
    parser.add_argument("--workers", type=int, help="processes; by default one for each core")
    given = parser.parse_args(arguments)
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"unknown target {', '.join(sorted(unknown))} (expected {', '.join(TARGETS)})")
    # also where a shell ignores Ctrl-C for what runs in the background
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    found = 0
    for kind in (TARGETS[name] for name in given.targets or TARGETS):
        numbers = range(_count(given.count, kind)) if given.case is None else [given.case]
        found += len(_run(kind, given.seed, numbers, given.workers))
    return int(found > 0)


def _count(words: str, kind: type[Target]) -> int:
    if words.endswith("%"):
        return max(1, round(kind.count * float(words[:-1]) / 100))
    return int(words)


def _run(kind: type[Target], seed: int, numbers: Sequence[int], workers: int | None) -> list[Finding]:
    run, begun = Run(kind, seed, workers=workers), time.monotonic()
    findings = []
    with suppress(KeyboardInterrupt):  # what was run until then is counted
        for finding in run.findings(numbers, lambda done: _show(kind, done, len(numbers), begun)):
            place = run.keep(finding, FOLDER)
            print(f"\r{finding.command}: {finding.problem.strip().splitlines()[-1]} ({place})")  # noqa: T201  prints for the user
            findings.append(finding)
            if len(findings) == MOST_FINDINGS:
                break
    seconds = time.monotonic() - begun
    print(  # noqa: T201  the summary is what the command is for
        f"{kind.name}: {run.done:,} of {len(numbers):,} cases of seed {seed}, {len(findings)} findings, "
        f"{seconds:.0f} s, at most {run.megabytes:.0f} MB a worker",
        flush=True,
    )
    return findings


def _show(kind: type[Target], done: int, total: int, begun: float) -> None:
    if sys.stderr.isatty() and done % 20 == 0:
        speed = done / (time.monotonic() - begun)
        print(f"\r{kind.name}: {done:,} of {total:,}, {speed:.0f}/s ", end="", file=sys.stderr)  # noqa: T201  the progress


if __name__ == "__main__":
    sys.exit(main())
