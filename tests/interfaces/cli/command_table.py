"""All commands of the application, for tests that go through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from thresher.interfaces.cli import main


def commands() -> Iterator[tuple[list[str], Any]]:
    """Yield the words of each command, and the command."""
    from typer.main import get_command

    from thresher.interfaces.cli.app import app

    main.load_commands()
    root: Any = get_command(app)
    for name in root.list_commands(None):
        command = root.get_command(None, name)
        if hasattr(command, "list_commands"):
            yield from (
                ([name, each], command.get_command(None, each)) for each in command.list_commands(None)
            )
        else:
            yield [name], command
