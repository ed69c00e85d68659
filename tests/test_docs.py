"""What the documents say is true: every command shown exists and runs, every setting shown is one."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import numpy as np
import pytest
import soundfile

from tests.support import RATE, ROOT, Finished, run_command, run_process
from thresher.curation.listening.choice import QueueReach
from thresher.curation.listening.queue import ListenRow, Queue

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def shown_commands() -> list[str]:
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("thresher ")]


def all_commands() -> set[str]:
    from typer.main import get_command

    from thresher.interfaces.cli import app
    from thresher.interfaces.cli.main import load_commands

    load_commands()

    root = get_command(app.app)
    names = set()
    for name, command in root.commands.items():  # type: ignore[attr-defined]  # a group
        below = getattr(command, "commands", None)
        names |= {f"{name} {each}" for each in below} if below else {name}
    return names


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder as the README's reader has it: training runs, and more clips."""
    for folder, names in {
        "runs/night": [f"night_e={epoch}_t=0.9.wav" for epoch in range(14, 34)],
        "more": ["a.wav", "b.wav"],
    }.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            generator = np.random.default_rng(zlib.crc32(name.encode()))
            tones = generator.uniform(100, 2_000, size=12)
            y = np.concatenate([np.sin(2 * np.pi * tone * np.arange(RATE // 3) / RATE) for tone in tones])
            soundfile.write(tmp_path / folder / name, 0.4 * y, RATE)
    return tmp_path


def assert_serves(arguments: list[str], home: Path) -> None:
    """Start a server, open its page, and end it; without the browser, and on a free port."""
    command = [sys.executable, "-m", "thresher", *arguments, "--no-open", "--port", "0"]
    with subprocess.Popen(
        command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().split()[-1]
            browser = build_opener(HTTPCookieProcessor())
            with browser.open(address, timeout=30) as answer:
                assert b"thresher" in answer.read()
        finally:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors


@pytest.mark.long
def test_every_command_of_the_readme_runs(home: Path) -> None:
    """The first commands run as processes, as a reader runs them; the others in this process, which is faster."""
    commands = shown_commands()
    assert len(commands) > 15
    for number, line in enumerate(commands):
        arguments = shlex.split(line)[1:]
        if arguments[0] == "serve":
            assert_serves(arguments, home)
            continue
        done: Finished = (run_process if number < 2 else run_command)(*arguments, cwd=home)
        if number == 1:  # worker processes have been started once
            with (home / "catalog.toml").open("a") as settings:
                settings.write('[ingest]\nexecutor = "serial"\n')
        # a machine may have no player
        expected = {0, 1} if arguments[0] == "play" else {0}
        assert done.returncode in expected, f"{line}: {done.stderr}"
    assert (home / "song.flac").exists()


@pytest.mark.long
def test_the_python_of_the_readme_runs(home: Path) -> None:
    (code,) = blocks("python")
    assert run_command("init", cwd=home).returncode == 0
    (home / "example.py").write_text(code)
    done = subprocess.run([sys.executable, "example.py"], cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "20 new clips, 190 comparisons" in done.stdout
    assert (home / "animatronics.wav").exists()


def test_every_command_is_in_the_documents() -> None:
    documents = README + "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("docs/*.md"))
    documents += (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for command in all_commands():
        group, _, name = command.partition(" ")
        assert re.search(rf"\b{name or group}\b", documents), f"`thresher {command}` is in no document"


def test_commands_named_in_the_documents_exist() -> None:
    known = all_commands()
    groups = {command.partition(" ")[0] for command in known if " " in command}
    files = [*PAGES, *ROOT.glob("examples/*.py"), *ROOT.glob("src/thresher/**/*.py")]
    named = set()
    for file in files:
        text = " ".join(file.read_text(encoding="utf-8").split())
        for first, second in re.findall(r"`thresher ([a-z][a-z-]*)(?: ([a-z][a-z-]*)\b)?", text):
            command = f"{first} {second}" if first in groups and second else first
            assert command in known | groups, f"{file.name} names `thresher {command}`"
            named.add(command)
    assert len(named) > 40


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_index_of_the_pages_names_each_of_them() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = [path.name for path in ROOT.glob("docs/*.md") if path.name != "README.md"]
    assert [name for name in pages if f"]({name})" not in index] == []


def test_the_api_page_describes_the_code() -> None:
    made = runpy.run_path(str(ROOT / "docs/make_api.py"))["page"]()
    assert (ROOT / "docs/api.md").read_text(encoding="utf-8") == made, "run `make api`"


def test_the_api_page_describes_what_fields_hold_and_each_name_means_one_class() -> None:
    field_types = runpy.run_path(str(ROOT / "docs/make_api.py"))["field_types"]
    of_queue = field_types({"Queue": Queue})
    assert {"ListenRow": ListenRow, "QueueReach": QueueReach} == of_queue
    with pytest.raises(ValueError, match="two classes have the name ListenRow"):
        field_types({"Queue": Queue, "ListenRow": QueueReach})


def test_each_test_that_the_reliability_page_names_exists() -> None:
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", page)
    assert len(named) > 60
    gone = [
        f"{file}::{name}"
        for file, name in named
        if f"def {name}(" not in (ROOT / "tests" / file).read_text(encoding="utf-8")
    ]
    assert gone == []


def test_each_row_of_the_reliability_page_names_tests_or_says_that_it_is_not_proven() -> None:
    page = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| fault \|.*\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = [line for table in tables for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) > 40
    assert [row for row in rows if "::test_" not in row and "not proven yet" not in row] == []


def test_the_top_level_is_as_designed() -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    done = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in done.stdout.splitlines()}
    assert top == {
        ".ci",
        ".github",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "benchmarks",
        "catalog.example.toml",
        "docs",
        "examples",
        "migrations",
        "pyproject.toml",
        "src",
        "tests",
    }
