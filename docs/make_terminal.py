"""Make docs/terminal.svg: the demo as it looks in a terminal. Run `python docs/make_terminal.py`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COMMANDS = (
    ["ingest", "run"],
    ["checkpoints"],
    ["list", "loop:..0.5", "noise:..0.8", "score-", "--limit", "6", "--format", "table"],
    ["song", "render", "DOMAINAL SKELETON"],
)
WIDTH = 144


def main() -> None:
    """Run the demo in a temporary folder, then show a few commands in it."""
    console = Console(record=True, width=WIDTH, file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "thresher", "demo", folder], check=True, capture_output=True)
        long, short = next(Path(folder, "run").iterdir()), Path(folder, "run", "skeletal")
        long.rename(short)
        for command in COMMANDS:
            shown = " ".join(f'"{word}"' if " " in word else word for word in command)
            console.print(Text(f"$ thresher {shown}", style="bold green"))
            done = subprocess.run(
                [sys.executable, "-m", "thresher", *command],
                cwd=folder,
                capture_output=True,
                text=True,
                check=True,
            )
            for line in done.stdout.replace(folder + "/", "").splitlines():
                if line.strip():
                    console.print(Text(line.rstrip()), no_wrap=True, overflow="ellipsis")
            console.print()
    Path(__file__).with_name("terminal.svg").write_text(
        console.export_svg(title="thresher"), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
