"""Random sequences of commands by two processes end as the model says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.model.machine import Machine
from tests.model.runner import machine_in, run_examples


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Machine]]:
    """The machine, with the second process."""
    with machine_in(tmp_path_factory.mktemp("model")) as made:
        yield made


@pytest.mark.long
def test_a_few_commands_end_as_the_model_says(machine: type[Machine]) -> None:
    run_examples(machine, examples=1, steps=15, number=1, shrink=False)


@pytest.mark.slow
def test_a_sample_of_commands_ends_as_the_model_says(machine: type[Machine]) -> None:
    run_examples(machine, examples=8, steps=40, number=2, shrink=True)
