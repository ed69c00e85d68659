"""The demo command: a small training run, from its first ingest to the rendered song."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from thresher.interfaces.cli.app import TRY, app, context
from thresher.interfaces.cli.checkpoints import checkpoints
from thresher.interfaces.cli.ingest import ingest_and_tell
from thresher.interfaces.cli.init import init
from thresher.interfaces.cli.output import say, tell
from thresher.interfaces.cli.renderings import render
from thresher.interfaces.cli.songs import save


@app.command(rich_help_panel=TRY)
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("thresher-demo"),
) -> None:
    """Write a small training run, ingest it in two batches, and make a song of it."""
    from thresher.demo.synth import QUERY, SONG, claim, write_part

    home = folder.absolute()
    file = home / "catalog.toml"
    claim(home)
    output = home / f"{SONG}.wav"
    quoted = shlex.quote(SONG)

    if file.exists():
        say("This demo was here before: nothing in it is new, and so nothing costs anything.")
    else:
        say("A network learns death metal; its first three checkpoints arrive.")
        _show(f"thresher init {shlex.quote(str(folder))}")
        init(home)
    context.catalog = file
    _show(f"cd {shlex.quote(str(folder))}")
    write_part(home / "run", 1)
    _show("thresher ingest run")
    ingest_and_tell([home / "run"])

    say("\nDays later: two more. Only they cost anything.")
    write_part(home / "run", 2)
    _show("thresher ingest run")
    ingest_and_tell([home / "run"])

    say("\nWhich checkpoint is worth listening to?")
    _show("thresher checkpoints")
    checkpoints()

    say("From epoch 20 on it plays. That is a song.")
    _show(f"thresher song save {quoted} {QUERY}")
    save(SONG, [QUERY])
    _show(f"thresher song render {quoted}")
    render(SONG, output)
    tell(f"\nListen to {output}, and go on there:")
    if shutil.which("thresher") is None:  # as in `make demo`, whose environment is nobody's yet
        tell(f'  export PATH="{Path(sys.argv[0]).absolute().parent}:$PATH"')
    tell(f"  cd {shlex.quote(str(folder))}")
    for command in (
        "thresher list score-",
        f"thresher song show {quoted}",
        "thresher rate 30 5",
        "thresher --help",
    ):
        tell(f"  {command}")


def _show(command: str) -> None:
    tell(f"$ {command}")
