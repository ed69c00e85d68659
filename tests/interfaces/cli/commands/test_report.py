"""`thresher report`: what it prints about the files that it wrote."""

from __future__ import annotations

import json

import pytest

from tests.support import run_command
from thresher.catalog.catalog import Catalog


@pytest.mark.long
def test_the_command_prints_what_it_wrote(trained: Catalog) -> None:
    done = run_command("report", "epoch:0..1", "--png", "png", cwd=trained.root)
    assert done.returncode == 0
    told = done.stdout.splitlines()
    assert told[0] == "report.html: 2 checkpoints, 4 clips, 4 players; open it in a browser"
    assert [(trained.root / line).exists() for line in told[1:]] == [True] * (len(told) - 1)
    done = run_command("report", "-o", "other.html", "--json", cwd=trained.root)
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["path"], found["clips"], found["png"]) == (f"{trained.root}/other.html", 6, [])
    assert run_command("report", "epoch:frog", cwd=trained.root).returncode == 2
