"""`python -m tests.model`: run many steps of the machine, by default 10,000, and say what they did."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.conftest import RAM_DISK
from tests.model.runner import machine_in, run_examples

EXAMPLES = 4
"""How many examples have one seed."""


def main() -> int:
    """Run the machine; return 1 if a catalog ended otherwise than the model."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000, help="how many steps in all")
    parser.add_argument("--each", type=int, default=50, help="how many steps from one new catalog on")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument(
        "--shrink", action="store_true", help="look for fewer steps with which a failure occurs"
    )
    options = parser.parse_args()
    begun, number = time.monotonic(), options.seed
    with (
        tempfile.TemporaryDirectory(dir=RAM_DISK if RAM_DISK.is_dir() else None) as folder,
        machine_in(Path(folder)) as machine,
    ):
        while machine.steps < options.steps:
            try:
                run_examples(
                    machine, examples=EXAMPLES, steps=options.each, number=number, shrink=options.shrink
                )
            except Exception as error:  # noqa: BLE001  whatever a step raised is the finding
                traceback.print_exception(error, limit=-4)
                print("\n".join(getattr(error, "__notes__", [])))
                print(f"again: python -m tests.model --seed {number} --each {options.each}")
                return 1
            number += 1
            print(f"{machine.steps:,} steps, {time.monotonic() - begun:.0f} s", flush=True)
        done = ", ".join(f"{verb} {count:,}" for verb, count in sorted(machine.counts.items()))
        print(f"the catalog agreed with the model after each of {machine.steps:,} steps ({done})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
