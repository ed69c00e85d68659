"""Keep what C libraries print away from the output of a command.

libmpg123 and others write complaints about damaged files to the standard streams. They would break a progress bar,
or JSON that `2>&1` sends to a program. So the descriptors 1 and 2 lead nowhere while a command runs; Python's
`sys.stdout` and `sys.stderr` write to copies of the original ones.

Output that can't be written is an error of its own, because the command has done its work by then. What can't be
written to stderr is left out: a full disk under a log file must not end a command.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_NAMES = {1: "stdout", 2: "stderr"}


class OutputError(OSError):
    """Stdout can't be written, for another reason than that its reader has gone."""


class _Output(io.FileIO):
    """Stdout, which raises OutputError."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(error.errno, error.strerror) from error


class _Messages(io.FileIO):
    """Stderr, which leaves out what it can't write."""

    def write(self, data: ReadableBuffer) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


_STREAMS = {1: _Output, 2: _Messages}


@contextmanager
def without_library_output() -> Iterator[None]:
    """A block in which only Python code writes to stdout and stderr; programs that it starts don't inherit them."""
    with ExitStack() as stack:
        for number in _NAMES:
            stack.enter_context(_separated(number))
        try:
            yield
        finally:
            _flush_libraries()


@contextmanager
def _separated(number: int) -> Iterator[None]:
    """Point a descriptor to nowhere, and Python's stream, if it writes there, to a copy of the original one."""
    name = _NAMES[number]
    before, original = getattr(sys, name), getattr(sys, f"__{name}__")
    kept = _copy(number)
    if kept is None:
        # Else the catalog might be opened under this number, and a library might print into it.
        _lead_nowhere(number)
        if before is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        yield
        return
    stream = _same_stream(before, _STREAMS[number], kept) if _writes_to(before, number) else None
    if stream is not None:
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)  # the width of the terminal is asked of this one
    _lead_nowhere(number)
    try:
        yield
    finally:
        if stream is not None:
            with suppress(OSError, ValueError):  # the reader may have gone
                stream.flush()
            setattr(sys, name, before)
            setattr(sys, f"__{name}__", original)
            with suppress(OSError, ValueError):
                stream.detach()
        os.dup2(kept, number)
        os.close(kept)


def _copy(number: int) -> int | None:
    """Return a copy of a descriptor; None if the caller has closed it."""
    try:
        return os.dup(number)
    except OSError:
        return None


def _writes_to(stream: object, number: int) -> bool:
    try:
        return isinstance(stream, io.TextIOWrapper) and stream.fileno() == number
    except (OSError, ValueError):
        return False


def _same_stream(stream: io.TextIOWrapper, kind: type[io.FileIO], descriptor: int) -> io.TextIOWrapper:
    """Return a stream with the same settings that writes to a descriptor, which it does not close."""
    stream.flush()
    binary = kind(descriptor, "wb", closefd=False)
    is_unbuffered = stream.write_through  # PYTHONUNBUFFERED
    return io.TextIOWrapper(
        binary if is_unbuffered else io.BufferedWriter(binary),
        stream.encoding,
        stream.errors,
        newline=None,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def _flush_libraries() -> None:
    """Write out what C libraries hold back in stdio's buffers, as long as it leads nowhere."""
    if "soundfile" not in sys.modules:  # no library has been loaded that prints
        return
    import ctypes  # loaded by soundfile before

    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)
