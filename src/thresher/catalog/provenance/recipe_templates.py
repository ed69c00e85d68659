"""Templates of command lines in `catalog.toml`: `python generate.py --seed {seed} --temperature {temperature}`.

A placeholder is a name in braces; `{epoch:04}` fills a whole number with zeros to four digits. `{{` and `}}` are
braces. Every value is quoted for a POSIX shell, so a placeholder must not be inside quotation marks itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

LARGEST_WIDTH = 64

_WIDTH = re.compile(r"(.+):0?([1-9][0-9]?)", re.DOTALL)
_ANSI = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "'": "\\'"}


@dataclass(frozen=True)
class Placeholder:
    """A value to fill in: its name, and the digits that a whole number has at least."""

    name: str
    width: int = 0

    def __str__(self) -> str:
        return f"{{{self.name}:0{self.width}}}" if self.width else f"{{{self.name}}}"


@dataclass(frozen=True)
class Template:
    """A text with placeholders, as written and in parts."""

    text: str
    parts: tuple[str | Placeholder, ...]

    def __str__(self) -> str:
        return self.text

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the placeholders, each once, in the order of the text."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Placeholder)))

    def command(self, values: Mapping[str, str]) -> str:
        """Return the text with every value quoted for a shell; all values must be there."""
        return self._filled(values, shell_quoted)

    def plain(self, values: Mapping[str, str]) -> str:
        """Return the text with the values as they are."""
        return self._filled(values, str)

    def _filled(self, values: Mapping[str, str], written: Callable[[str], str]) -> str:
        return "".join(
            part if isinstance(part, str) else written(_padded(values[part.name], part.width))
            for part in self.parts
        )


@dataclass(frozen=True)
class RecipeTemplate:
    """A `[[recipe]]` of `catalog.toml`.

    It is for the clips that meet every condition that is given: `pattern` and `run` are globs for the name of the
    file-name pattern and for the run, `query` is a query. `checkpoint` makes the value of `{checkpoint}`.
    """

    name: str
    command: Template
    pattern: str | None = None
    run: str | None = None
    query: str | None = None
    checkpoint: Template | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values that the command needs."""
        own = [each for each in self.command.names if each != "checkpoint" or self.checkpoint is None]
        more = self.checkpoint.names if self.checkpoint and "checkpoint" in self.command.names else ()
        return tuple(dict.fromkeys((*own, *more)))

    def filled(self, values: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
        """Return the command line with these values, or None and the names of the values that are missing."""
        missing = tuple(name for name in self.names if not values.get(name))
        if missing:
            return None, missing
        if self.checkpoint is not None and "checkpoint" in self.command.names:
            values = {**values, "checkpoint": self.checkpoint.plain(values)}
        return self.command.command(values), ()


def parse_template(text: str, *, is_command: bool = True) -> Template:
    """Parse a template. With `is_command`, placeholders must be outside of quotation marks.

    Raises ValueError with what is wrong and how to write it.
    """
    parts: list[str | Placeholder] = []
    for _, group in groupby(_parts(text), key=type):
        together = list(group)
        parts += ["".join(map(str, together))] if isinstance(together[0], str) else together
    if is_command:
        _check_quotes(parts)
    return Template(text, tuple(parts))


def shell_quoted(value: str) -> str:
    """Return a value as one word of a POSIX shell.

    A value with line breaks or control characters is written as `$'…\\n…'`, which bash, zsh and ksh read, so that
    it stays on one line and changes nothing on a terminal.
    """
    if value.isprintable():
        return shlex.quote(value)
    return f"$'{''.join(_ANSI.get(each) or _escaped(each) for each in value)}'"


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _padded(value: str, width: int) -> str:
    return value.zfill(width) if width and value.isdecimal() else value


def _parts(text: str) -> Iterator[str | Placeholder]:
    position = 0
    while position < len(text):
        here = text[position]
        if here in "{}" and text[position : position + 2] == 2 * here:
            yield here
            position += 2
        elif here == "}":
            raise ValueError('a "}" closes nothing; write "}}" for a brace')
        elif here == "{":
            end = text.find("}", position)
            if end < 0:
                raise ValueError('a "{" is not closed; write "{{" for a brace')
            yield _placeholder(text[position + 1 : end])
            position = end + 1
        else:
            yield here
            position += 1


def _placeholder(inside: str) -> Placeholder:
    sized = _WIDTH.fullmatch(inside)
    name, width = (sized[1], int(sized[2])) if sized else (inside, 0)
    if not name.strip() or "{" in name or width > LARGEST_WIDTH:
        raise ValueError(
            f'"{{{inside}}}" is not a placeholder '
            "(expected a name in braces, such as {seed}; write {{ for a single brace)"
        )
    return Placeholder(name.strip(), width)


def _check_quotes(parts: list[str | Placeholder]) -> None:
    """Raise ValueError for a placeholder that a shell would not read as an own, quoted value."""
    inside: str | None = None
    is_escaped = False
    before = ""
    for part in parts:
        if isinstance(part, Placeholder):
            if inside or is_escaped:
                place = f"inside {inside}" if inside else "after \\"
                raise ValueError(
                    f"{part} is {place}; leave that out, because values are quoted for the shell"
                )
            if before.endswith("$"):
                raise ValueError(f"{part} is after $; write ${{{{NAME}}}} for a variable of the shell")
            before = ""
            continue
        before = part
        for character in part:
            if is_escaped:
                is_escaped = False
            elif character == "\\" and inside != "'":
                is_escaped = True
            elif inside:
                inside = None if character == inside else inside
            elif character in "'\"`":
                inside = character
    if inside:
        raise ValueError(f"a {inside} is not closed")
