"""Make docs/terminal.svg and docs/checkpoints.svg: pictures of commands and their output in a terminal.

Run `python docs/make_terminal.py`. terminal.svg shows the demo. checkpoints.svg shows real clips, and is made
only if the corpus is next to the checkout.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "../shared/corpus/neural"
RUNS = {"jazz": "jazz_samplernn/samples", "metal": "samplernn_checkpoints"}

DEMO = (
    ["ingest", "run"],
    ["checkpoints"],
    ["list", "loop:..0.5", "noise:..0.8", "score-", "--limit", "6", "--format", "table"],
    ["song", "render", "DOMAINAL SKELETON"],
)
CHECKPOINTS = (["checkpoints"], ["checkpoints", "--compare", "metal e3", "metal e4"])
WIDTH = 144


def main() -> None:
    """Record both pictures in temporary folders."""
    with tempfile.TemporaryDirectory() as folder:
        thresher(folder, "demo", folder)
        long, short = next(Path(folder, "run").iterdir()), Path(folder, "run", "skeletal")
        long.rename(short)
        record(folder, DEMO, "terminal.svg")
    if CORPUS.is_dir():
        with tempfile.TemporaryDirectory() as folder:
            thresher(folder, "init")
            for run, source in RUNS.items():
                shutil.copytree(CORPUS / source, Path(folder, run))
                thresher(folder, "ingest", run, "--run", run)
            record(folder, CHECKPOINTS, "checkpoints.svg")


def thresher(folder: str, *arguments: str) -> str:
    """Run a command in a folder and return its output."""
    command = [sys.executable, "-m", "thresher", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def record(folder: str, commands: Sequence[Sequence[str]], name: str) -> None:
    """Draw commands and their output as a picture of a terminal."""
    console = Console(record=True, width=WIDTH, file=sys.stderr)
    for command in commands:
        shown = " ".join(f'"{word}"' if " " in word else word for word in command)
        console.print(Text(f"$ thresher {shown}", style="bold green"))
        for line in thresher(folder, *command).replace(folder + "/", "").splitlines():
            if line.strip():
                console.print(Text(line.rstrip()), no_wrap=True, overflow="ellipsis")
        console.print()
    (HERE / name).write_text(console.export_svg(title="thresher"), encoding="utf-8")


if __name__ == "__main__":
    main()
