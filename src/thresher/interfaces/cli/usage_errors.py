"""Errors of the command line's parser, in one sentence like all other errors.

Typer's classes for them have no public names, so they are known by their public attributes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_PLAINLY = (
    (re.compile(r"\.? Did you mean "), "; did you mean "),
    (re.compile(r" \(Possible options: (.*)\)"), r"; did you mean \1?"),
    (re.compile(r"is not a valid int(?:eger)?(?: range)?"), "is not a whole number"),
    (re.compile(r"is not a valid float(?: range)?"), "is not a number"),
)
"""Words of the parser, and what to say instead."""


def usage_sentence(error: Any, shared: Sequence[Any]) -> str | None:
    """Return what is wrong with a command line and what to do; None for anything but an error of the parser.

    `shared` are the options of all commands. A command without arguments prints its help, which is no error either.
    """
    if not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
        return None
    message = error.format_message().rstrip(".")
    for pattern, plainly in _PLAINLY:
        message = pattern.sub(plainly, message)
    message = message[:1].lower() + message[1:]
    context = getattr(error, "ctx", None)
    if wanted := re.fullmatch(r"no such command '(.*?)'.*", message):
        message = (
            f"no such command '{wanted[1]}'{_in_groups(wanted[1], context) or message[wanted.end(1) + 1 :]}"
        )
    if context is None:  # of a command that the parser does not name
        return f"{message} (see --help of the command)"
    command = context.command_path
    if extra := re.fullmatch(r"got unexpected extra argument\(s\) \((.*)\)", message):
        message += _as_options(extra[1].split(), context)
    remedy = _remedy(error.option_name, context, shared) if hasattr(error, "possibilities") else ""
    return f"{message}{remedy or f' (see `{command} --help`)'}"


def _in_groups(name: str, context: Any) -> str:
    """Name the command of that name in a group, such as `song render`; empty if no group has one."""
    groups = [
        group for group, each in context.command.commands.items() if name in getattr(each, "commands", ())
    ]
    named = [f"'{group} {name}'" for group in sorted(groups)]  # they are in the order of their imports
    return f"; did you mean {' or '.join(named)}?" if named else ""


def _as_options(words: Sequence[str], context: Any) -> str:
    """Name the options that words without dashes may mean, as in `checkpoint "night 20" keep`; empty if none."""
    known = {option for parameter in context.command.params for option in parameter.opts}
    meant = [f"--{word}" for word in words if f"--{word}" in known]
    return f"; did you mean {' '.join(meant)}?" if meant else ""


def _remedy(option: str, context: Any, shared: Sequence[Any]) -> str:
    """Say where an option of all commands belongs, and how a command takes a value that begins with a dash."""
    command = context.command_path
    for parameter in shared:
        if option in parameter.opts:
            value = f" {parameter.metavar}" if parameter.metavar else ""
            return f"; it belongs before the command: thresher {option}{value} {command.partition(' ')[2]}"
    takes_values = any(parameter.param_type_name == "argument" for parameter in context.command.params)
    if takes_values and not option.startswith("--"):
        return f"; write -- before values that begin with a dash: {command} -- …"
    return ""
