"""The runner of the fuzzer finds what breaks a worker, and goes on with the other cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.faulty import Faulty
from tests.fuzz.runner import Run


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux: memory, children, open files"
)
@pytest.mark.long
def test_everything_that_goes_wrong_is_found_and_the_other_cases_run(tmp_path: Path) -> None:
    run = Run(Faulty, 1, workers=1)
    problems, kept = {}, {}
    for finding in run.findings(range(9)):
        problems[finding.number] = finding.problem.strip().splitlines()[-1]
        kept[finding.number] = run.keep(finding, tmp_path)
    expected = {
        1: "AssertionError: as planned",
        2: "the process ended with code -6",
        3: "hangs: no end after",
        4: "printed 'words",
        5: "used 2",
        6: "left",
        7: "left programs running",
    }
    assert problems.keys() == expected.keys()
    for number, words in expected.items():
        assert problems[number].startswith(words)
    assert (kept[3] / "case").read_text() == "3"
    assert "python -m tests.fuzz faulty --seed 1 --case 3" in (kept[3] / "problem.txt").read_text()


def test_an_unknown_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.fuzz.__main__ import main

    with pytest.raises(SystemExit):
        main(["audoi"])
    assert "unknown target audoi (expected audio, queries" in capsys.readouterr().err
