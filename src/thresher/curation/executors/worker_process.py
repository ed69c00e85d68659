"""How worker processes start, and what each one does before its first task."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from thresher.catalog.files.temporary_files import make_temporary_folder, remove_temporary_folder

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

KEPT_BYTES = 32 << 20
"""Memory that a process keeps from one clip to the next."""

LONGEST_SOCKET_FOLDER = 85
"""Bytes in the name of a folder in which multiprocessing can make sockets; macOS allows 104 with the file."""

_WITHOUT_SCRIPT = threading.RLock()
"""Held while multiprocessing's function is replaced, so that each thread puts the right one back."""

_ONE_THREAD = "thresher.curation.executors.one_thread"

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def start_server(preload: Sequence[str]) -> None:
    """Start the server that worker processes are forked from. It imports `preload` in the background.

    Does nothing on a system without a fork server.
    """
    if process_context(preload).get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        ensure_running()


def process_context(preload: Sequence[str]) -> BaseContext:
    """Return the way in which worker processes are started: from a server that imports `preload` once, or alone."""
    import multiprocessing

    # never plain fork: this process has SQLite open, and libraries that start threads
    forkserver = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forkserver else "spawn")
    if forkserver:
        _keep_sockets_in_own_folder()
        if preload:
            context.set_forkserver_preload([_ONE_THREAD, *preload])
    return context


def _keep_sockets_in_own_folder() -> None:
    """Let multiprocessing put its sockets into a folder that the next command removes if this one is killed."""
    from multiprocessing.process import current_process
    from multiprocessing.util import Finalize

    config: dict[str, Any] = getattr(current_process(), "_config", {})
    if config.get("tempdir") is None:
        folder = make_temporary_folder()
        if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
            config["tempdir"] = str(folder)
        # after the finalizers that use the folder
        Finalize(None, remove_temporary_folder, args=(folder,), exitpriority=-100)


@contextmanager
def without_script() -> Iterator[None]:
    """A block in which new worker processes don't import the main script of this process.

    Tasks need nothing of it. A worker would import all that it imports, and run it again if its main part is not
    guarded by `if __name__ == "__main__":`. multiprocessing has no setting for this, so its function that lists
    what a new process imports is replaced meanwhile.
    """
    import multiprocessing.spawn

    spawn: Any = multiprocessing.spawn
    with _WITHOUT_SCRIPT:
        complete = spawn.get_preparation_data

        def reduced(name: str) -> dict[str, Any]:
            return {key: value for key, value in complete(name).items() if not key.startswith("init_main")}

        spawn.get_preparation_data = reduced
        try:
            yield
        finally:
            spawn.get_preparation_data = complete


def begin_worker() -> None:
    """Ignore Ctrl-C, which the parent handles, end with the parent, and discard what decoders write.

    A worker closes the streams of the parent, so a pipe such as `| tee` ends when the parent ends.
    """
    import_module(_ONE_THREAD)  # a server has imported it already, before numpy
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    with open(os.devnull, "r+b", buffering=0) as null:
        for descriptor in (0, 1, 2):
            os.dup2(null.fileno(), descriptor)
    keep_freed_memory()


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended, in whatever way, even during a task.

    The server that forked it ends when its last worker has ended.
    """
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def keep_freed_memory() -> None:
    """Let the C library keep up to KEPT_BYTES of freed memory, if it is glibc.

    By default it returns large arrays to the system immediately. The system then has to clear new pages for the
    next clip, which takes as long as decoding it. For processes of thresher's own: workers, and commands that write
    songs.
    """
    with suppress(OSError, TypeError, AttributeError):
        c_library = ctypes.CDLL(None)
        for parameter in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            c_library.mallopt(parameter, KEPT_BYTES)
