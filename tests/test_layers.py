"""Imports run interfaces → curation → catalog → signal and never back, and inside of a layer from the higher
packages to the lower ones; listings import nothing heavy."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support import ROOT

PACKAGE = ROOT / "src/thresher"
LAYERS = ("signal", "catalog", "curation", "interfaces")
MODULES = "*.py"
"""All modules of a layer that are in no package, where they have one height."""

PACKAGES = {  # the packages and modules of a layer, from the bottom up; the rest of a layer stands beside them
    "signal": ("threads", "compiling", "features", "metrics", "statistics"),
    "catalog": (
        "text",
        "files",
        "audio",
        "provenance",
        "settings",
        "database",
        "recordings",
        "scores",
        "decisions",
        "safety",
        MODULES,
        "queries",
    ),
    "curation": (
        "executors",
        "workers",
        "analysis",
        "clips",
        "comparison",
        "checkpoints",
        "songs",
        "renderings",
        "exports",
        "cutting",
        "previews",
        "ingest",
        "backups",
        "listening",
        "origin",
        "report",
    ),
}
HEAVY = {
    "numpy",
    "scipy",
    "librosa",
    "numba",
    "sklearn",
    "alembic",
    "soundfile",
    "soxr",
    "rich",
    "pydantic",
    "matplotlib",
    "jinja2",
    "fastapi",
    "starlette",
    "uvicorn",
}
NOT_IN_SIGNAL = {
    "os",
    "pathlib",
    "time",
    "datetime",
    "sqlalchemy",
    "sqlite3",
    "soundfile",
    "subprocess",
    "tempfile",
}


ALLOWED_IN_SIGNAL = {
    "features/fingerprint.py": {"subprocess", "os", "pathlib"},  # another program may make the fingerprint
    "compiling.py": {"pathlib"},  # numba keeps compiled kernels on the disk
    "metrics/blocks.py": {"pathlib"},  # likewise
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative name"
            found.add(node.module or "")
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def name_of(path: Path) -> str:
    return "thresher." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def layer_of(name: str) -> int | None:
    parts = name.split(".")
    return (
        LAYERS.index(parts[1]) if len(parts) > 1 and parts[0] == "thresher" and parts[1] in LAYERS else None
    )


def package_of(name: str) -> tuple[str, int] | None:
    """The layer of a module, and the height of its package inside of it."""
    parts = name.split(".")
    if len(parts) < 3 or parts[0] != "thresher" or parts[1] not in PACKAGES:
        return None
    packages = PACKAGES[parts[1]]
    package = parts[2] if parts[2] in packages else MODULES
    return (parts[1], packages.index(package)) if package in packages else None


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_layer_imports_one_above_it(path: Path) -> None:
    own = layer_of(name_of(path))
    if own is None:
        return
    above = [name for name in imports(path) if (other := layer_of(name)) is not None and other > own]
    assert above == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_package_of_a_layer_imports_one_above_it(path: Path) -> None:
    own = package_of(name_of(path))
    if own is None:
        return
    found = [(name, package_of(name)) for name in imports(path)]
    assert [name for name, other in found if other and other[0] == own[0] and other[1] > own[1]] == []


@pytest.mark.parametrize("layer", sorted(PACKAGES))
def test_every_package_has_its_height(layer: str) -> None:
    beside = {"ordering", "mixing"} if layer == "signal" else set()  # they use nothing of each other
    there = {
        MODULES if path.suffix and MODULES in PACKAGES[layer] else path.stem
        for path in (PACKAGE / layer).iterdir()
        if path.stem.strip("_") not in ("init", "pycache")
    }
    assert there == {*PACKAGES[layer], *beside}


def test_the_errors_import_nothing_of_the_package() -> None:
    assert not [name for name in imports(PACKAGE / "errors.py") if name.startswith("thresher")]


def test_siblings_import_each_other_without_a_circle() -> None:
    names = {name_of(path): path for path in modules()}
    edges = {name: {other for other in imports(path) if other in names} for name, path in names.items()}
    edges = {name: targets for name, targets in edges.items() if name != "thresher.__init__"}
    finished: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join([*way, name])
        if name not in finished:
            for target in sorted(edges.get(name, ())):
                visit(target, (*way, name))
            finished.add(name)

    for name in sorted(edges):
        visit(name, ())


@pytest.mark.parametrize("path", sorted((PACKAGE / "signal").rglob("*.py")), ids=lambda path: path.name)
def test_signals_know_no_file_no_database_and_no_clock(path: Path) -> None:
    allowed = ALLOWED_IN_SIGNAL.get(str(path.relative_to(PACKAGE / "signal")), set())
    roots = {name.split(".")[0] for name in imports(path)}
    assert not (roots & NOT_IN_SIGNAL) - allowed


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "interfaces").rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_interfaces_contain_no_sql(path: Path) -> None:
    database = {name for name in imports(path) if name.split(".")[0] == "sqlalchemy"}
    assert not database | {
        name for name in imports(path) if name.startswith("thresher.catalog.database.schema")
    }
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    transactions = re.compile(r"(.*\.)?(reading|writing)|(.*\.)?_?catalog\.(write|note|settle)")
    assert not [call for call in calls if transactions.fullmatch(call)], "interfaces call verbs only"


def test_no_module_imports_the_package_root() -> None:
    roots = {str(path.relative_to(PACKAGE)) for path in modules() if "thresher" in imports(path)}
    assert roots == set()


def test_only_two_modules_open_audio_files() -> None:
    users = {path.name for path in modules() if "soundfile" in imports(path)}
    assert users == {"sndfile_decoder.py", "encoding.py"}


@pytest.mark.parametrize(
    "statement",
    [
        "import thresher",
        "import thresher.curation.clips.listing",
        "import thresher.curation.songs.songs",
        "from thresher.interfaces.cli import main; main.load_commands()",
    ],
)
def test_what_listings_import_is_light(statement: str) -> None:
    code = f"import sys\n{statement}\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY
