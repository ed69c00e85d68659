"""Run the machine: make what it needs, and run examples of a seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.actor import Remote
from tests.model.machine import GOLDEN, Machine
from thresher.catalog.catalog import Catalog


@contextmanager
def machine_in(folder: Path, *, golden: bool = True) -> Iterator[type[Machine]]:
    """Return the machine, with a template of a new catalog and with the second process, in a folder.

    With `golden`, most examples start with a catalog that an earlier version wrote.
    """
    home, template = folder / "home", folder / "template"
    home.mkdir(parents=True)
    Catalog.create(template).close()
    remote = Remote(folder / "user")
    revisions = tuple(sorted(path.name for path in GOLDEN.glob("catalog-*.sql"))) if golden else ()
    values = {"home": home, "template": template, "remote": remote, "revisions": revisions}
    try:
        yield type("Machine", (Machine,), values)
    finally:
        remote.end()


def run_examples(machine: type[Machine], *, examples: int, steps: int, number: int, shrink: bool) -> None:
    """Run examples of a number of steps. The same `number` gives the same examples.

    Raises the AssertionError of an example that ends otherwise than the model; its notes list the steps. Without
    `shrink` these are all of its steps, which is quicker.
    """
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(machine), settings=chosen)
