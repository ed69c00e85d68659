"""Commands at once, in rounds, without the start of a Python process for each.

`python -m tests.faults.pairs` reads one line of JSON: `home`, the folder to copy for each round, `folder`, where to
copy it to, `rounds`, and `commands`, the arguments of the commands that run at once. It prints a line of JSON for
each round: the exit codes, and the catalog as text.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from tests.support import copy_folder, dump
from thresher.catalog.catalog import Catalog


def main() -> None:
    """Run the rounds of the request on standard input."""
    request = json.loads(sys.stdin.readline())
    from thresher.interfaces.cli.main import load_commands

    load_commands()
    for _ in range(request["rounds"]):
        folder = Path(request["folder"])
        shutil.rmtree(folder, ignore_errors=True)
        copy_folder(Path(request["home"]), folder)
        children = [_started(folder, arguments) for arguments in request["commands"]]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps({"codes": codes, **_state(folder)}), flush=True)


def _started(folder: Path, arguments: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        out = os.open(f"out.{os.getpid()}", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        from thresher.interfaces.cli.main import run

        code = run(arguments)
    finally:
        os._exit(code)


def _state(folder: Path) -> dict[str, Any]:
    """Return what the commands printed, the catalog without times, its health, and the files that were left."""
    from thresher.curation.clips.listing import list_clips
    from thresher.curation.ingest.verify import verify

    printed = "".join(path.read_text("utf-8", "replace") for path in sorted(folder.glob("out.*")))
    with Catalog.open(folder / "catalog.toml") as catalog:
        tables = dump(catalog, times=False)
        report = verify(catalog)
        clips = sorted([str(row.path), row.status, row.run, row.epoch] for row in list_clips(catalog))
    left = [path.name for path in folder.rglob("*") if path.name.endswith((".part", "-journal"))]
    return {"printed": printed, "tables": tables, "clips": clips, "sound": report.is_sound, "left": left}


if __name__ == "__main__":
    main()
