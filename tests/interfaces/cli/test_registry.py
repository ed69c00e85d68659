"""The table of commands agrees with their modules."""

from __future__ import annotations

from thresher.interfaces.cli.registry import MODULES


def test_each_module_defines_the_commands_that_the_table_names() -> None:
    from thresher.interfaces.cli.app import app
    from thresher.interfaces.cli.main import load_commands

    load_commands()
    defined = {
        command.name or command.callback.__name__: command.callback.__module__.rpartition(".")[2]
        for command in app.registered_commands
        if command.callback is not None
    }
    groups = {str(group.name) for group in app.registered_groups}  # their commands are in several modules
    assert {**defined, **{name: MODULES[name] for name in groups}} == MODULES
