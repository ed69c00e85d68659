"""The wheel: built, installed in a new environment, and used from a folder outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT],
        check=True,
    )
    (built,) = folder.glob("thresher-*.whl")
    return built


@pytest.mark.long
def test_the_wheel_holds_the_package_and_its_migrations(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    revisions = {
        f"thresher/migrations/versions/{path.name}" for path in ROOT.glob("migrations/versions/*.py")
    }
    assert revisions
    assert revisions | {"thresher/migrations/env.py", "thresher/py.typed", "thresher/__main__.py"} <= names
    assert "thresher/__init__.pyi" in names  # type checkers and the lazy loader read the public names there
    beside = [
        path.name for path in (ROOT / "src/thresher/interfaces/report").iterdir() if path.suffix != ".pyc"
    ]
    page = {f"thresher/interfaces/report/{name}" for name in beside if name.startswith("page.")}
    assert len(page) == 4
    assert page <= names
    assert not [name for name in names if "/test" in name or name.endswith((".pyc", ".db"))]


@pytest.mark.slow
def test_an_installed_wheel_opens_a_catalog(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "new"
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # the dependencies of this environment serve the new one; thresher itself has to come from the wheel
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)

    def run(*arguments: str) -> str:
        command = [str(python.with_name("thresher")), *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    file = "import thresher; print(thresher.__file__)"
    found = subprocess.run([python, "-c", file], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(site)
    run("init", "catalog")
    assert "recordings" in run("--catalog", "catalog/catalog.toml", "stats")
