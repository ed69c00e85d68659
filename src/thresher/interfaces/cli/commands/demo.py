"""The `demo` command."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from thresher.interfaces.cli.app import TRY, app, context, open_catalog
from thresher.interfaces.cli.commands.checkpoints import checkpoints
from thresher.interfaces.cli.commands.ingest import ingest_and_tell
from thresher.interfaces.cli.commands.init import init
from thresher.interfaces.cli.commands.song_render import render
from thresher.interfaces.cli.commands.song_save import save
from thresher.interfaces.cli.output import say, tell


@app.command(rich_help_panel=TRY)
def demo(
    folder: Annotated[Path, typer.Argument(help="Write the demo to this folder.")] = Path("thresher-demo"),
) -> None:
    """Synthesise a small training run, ingest it in two batches, and render a song.

    The demo prints each command before it runs it.
    """
    from thresher.demo.synth import QUERY, SONG, claim

    home = folder.absolute()
    file = home / "catalog.toml"
    claim(home)
    output = home / f"{SONG}.wav"
    quoted = shlex.quote(SONG)

    if file.exists():
        say(
            "The demo already exists in this folder. Its files are unchanged, so thresher analyses nothing again."
        )
    else:
        say("A network learns death metal. Ingest the files of its first three checkpoints:")
        _show(f"thresher init {shlex.quote(str(folder))}")
        init(home)
    context.catalog = file
    _show(f"cd {shlex.quote(str(folder))}")
    _write_part(home, 1)
    _show("thresher ingest run")
    ingest_and_tell([home / "run"])

    say("\nDays later, two more checkpoints. Only the new files are analysed:")
    _write_part(home, 2)
    _show("thresher ingest run")
    ingest_and_tell([home / "run"])

    say("\nCompare the checkpoints:")
    _show("thresher checkpoints")
    checkpoints()

    say("\nFrom epoch 20 on, the clips are music. Make a song of them:")
    _show(f"thresher song save {quoted} {QUERY}")
    save(SONG, [QUERY])
    _show(f"thresher song render {quoted}")
    render(SONG, output=output)
    tell(f"\nListen to {output}, then try:")
    if shutil.which("thresher") is None:  # `make demo` runs in an environment that is not on the PATH
        tell(f'  export PATH="{Path(sys.argv[0]).absolute().parent}:$PATH"')
    tell(f"  cd {shlex.quote(str(folder))}")
    for command in (
        "thresher list score-",
        f"thresher song show {quoted}",
        "thresher rate 30 5",
        "thresher --help",
        "thresher serve",
    ):
        tell(f"  {command}")
    tell(
        "The last one opens the listening room in the browser: hear the clips, and judge them with single keys."
    )


def _write_part(home: Path, part: int) -> None:
    from thresher.catalog.output_guard import OutputGuard
    from thresher.demo.synth import write_part

    with open_catalog() as catalog:
        write_part(home / "run", part, OutputGuard(catalog))


def _show(command: str) -> None:
    tell(f"$ {command}")
