"""A private PostgreSQL server for tests: `python -m tests.postgres run COMMAND…`, `start FOLDER`, `stop FOLDER`.

It listens on 127.0.0.1 only, on a free port, keeps its data in a temporary folder, and does not wait for the disk.
In a network namespace, `start FOLDER ADDRESS` lets it listen to the hosts of the namespace, too. The command finds
its address in the variable THRESHER_TEST_POSTGRES. The order of its default collation is not that of bytes, so that
a text that is compared in the wrong order shows.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "THRESHER_TEST_POSTGRES"
USER = "postgres"
LOOPBACK = "127.0.0.1"
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
    "shared_buffers": "128MB",
    "unix_socket_directories": "",
}


WORDS_OF_SQLITE = (
    "CREATE DOMAIN blob AS bytea; CREATE FUNCTION zeroblob(size bigint) RETURNS bytea LANGUAGE sql IMMUTABLE "
    "AS $$ SELECT decode(repeat('00', size::int), 'hex') $$"
)
"""What statements of tests that damage blobs use."""


def program(name: str) -> str | None:
    """Return the path of a program of PostgreSQL, None if the server is not installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
    folders = [*map(str, reversed(versions)), os.environ.get("PATH", "")]
    return shutil.which(name, path=os.pathsep.join(folders))


def start(folder: Path, address: str = LOOPBACK) -> str:
    """Start a server with its data in `folder`, which must not exist, and return the URL of its first database."""
    folder.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    _run("initdb", "-D", folder, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync", *_locale())
    settings = "".join(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
    with (folder / "postgresql.conf").open("a") as written:
        addresses = ",".join(dict.fromkeys([LOOPBACK, address]))
        written.write(f"{settings}port = {port}\nlisten_addresses = '{addresses}'\n")
    if address != LOOPBACK:
        with (folder / "pg_hba.conf").open("a") as written:
            written.write("host all all samenet trust\n")
    _run("pg_ctl", "-D", folder, "-l", folder / "log", "-w", "start")
    _run("psql", "-h", LOOPBACK, "-p", str(port), "-U", USER, "-q", "-c", WORDS_OF_SQLITE, "template1")
    return f"postgresql+psycopg://{USER}@{address}:{port}/postgres"


def stop(folder: Path) -> None:
    """Stop the server whose data is in `folder`, and remove the folder."""
    _run("pg_ctl", "-D", folder, "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


def run(command: Sequence[str]) -> int:
    """Run a command while a server runs, and return its exit code. SIGTERM ends both, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="thresher-postgres-") as home:
        os.chmod(home, 0o755)  # the server has another user than root
        folder = Path(home) / "data"
        url = start(folder)
        process = subprocess.Popen(command, env={**os.environ, VARIABLE: url})
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            return process.wait()
        finally:
            stop(folder)


def _locale() -> list[str]:
    helped = subprocess.run([str(program("initdb")), "--help"], capture_output=True, text=True, check=False)
    if "--icu-locale" not in helped.stdout:  # before PostgreSQL 15
        return ["--locale=C.UTF-8"]
    return ["--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8"]


def _run(name: str, *arguments: str | Path) -> None:
    found = program(name)
    if found is None:
        raise SystemExit("the server of PostgreSQL is not installed; `apt-get install postgresql` does it")
    become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*become, found, *map(str, arguments)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a server keeps its streams, so they can't be pipes that somebody reads
        stderr=subprocess.DEVNULL if name == "pg_ctl" else None,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed with exit code {done.returncode}")


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    match list(arguments):
        case ["run", *command] if command:
            return run(command)
        case ["start", folder, *address]:
            print(start(Path(folder), *address))
        case ["stop", folder]:
            stop(Path(folder))
        case ["installed"]:
            return int(program("initdb") is None)
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
