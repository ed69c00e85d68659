"""Make docs/structure.md: the packages of the source, their sizes, and which packages each of them imports.

Run `python docs/make_structure.py` after adding or moving a package: it reads the working tree and writes the page.
`--revision REV` reads any git revision and prints its table instead. `--since REV` prints the table with the lines
that were added and deleted since that revision; a moved file counts under its new package.

A package is a folder under src/thresher; modules directly in src/thresher stand for themselves. Packages are sorted
from the bottom up: each follows the packages that it imports. Lines of code exclude blank lines, comments and
docstrings.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "src/thresher"
LAYERS = ("signal", "catalog", "curation", "demo", "interfaces")
SHARED = ("errors.py", "formatting.py", "progress.py", "version.py")
"""Modules that every package may import; the table does not repeat them."""
PAGE = ROOT / "docs" / "structure.md"
NOT_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}

HEAD = """# Structure

The packages of `src/thresher`, from the bottom up: each follows the packages that it imports.
[design.md](design.md) explains them. Every package may import `errors.py`, `formatting.py`, `progress.py` and
`version.py`. Lines of code exclude blank lines, comments and docstrings. `python docs/make_structure.py` writes
this page.

"""


@dataclass(frozen=True)
class Package:
    """A package: its numbers of modules and lines, and the packages it imports.

    `has_cycle`: a package that it imports also imports it.
    """

    name: str
    modules: int
    lines: int
    code: int
    imports: tuple[str, ...]
    has_cycle: bool


def read_sources(revision: str | None) -> dict[str, str]:
    """Return the text of every module, by its path under src/thresher; of the working tree for None."""
    if revision is None:
        folder = ROOT / SOURCE
        return {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*.py"))
        }
    listed = git("ls-tree", "-r", "--name-only", revision, SOURCE).splitlines()
    paths = [path for path in listed if path.endswith(".py")]
    return {path.removeprefix(f"{SOURCE}/"): git("show", f"{revision}:{path}") for path in paths}


def git(*arguments: str) -> str:
    """Return the output of a git command in this repository."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], check=True, stdout=subprocess.PIPE, encoding="utf-8"
    )
    return done.stdout


def packages(sources: Mapping[str, str]) -> list[Package]:
    """Return the packages of some sources, from the bottom up."""
    # An __init__.py without code only makes a folder importable, so it does not count as a module.
    sizes = {path: code_lines(text) for path, text in sources.items()}
    modules = {path: text for path, text in sources.items() if sizes[path] or "/" not in path}
    imports: defaultdict[str, set[str]] = defaultdict(set)
    counts, lines, code = Counter[str](), Counter[str](), Counter[str]()
    for path, text in modules.items():
        name = package_of(path)
        counts[name] += 1
        lines[name] += text.count("\n")
        code[name] += sizes[path]
        imports[name] |= {package_of(target) for target in imported(text, sources)} - {name, *SHARED}
    return [
        Package(
            name,
            counts[name],
            lines[name],
            code[name],
            tuple(sorted(imports[name])),
            any(name in imports[other] for other in imports[name]),
        )
        for name in bottom_up(imports)
    ]


def package_of(path: str) -> str:
    """Return the folder of a module, or the module itself if it is at the top."""
    folder, _, file = path.rpartition("/")
    return folder or file


def imported(text: str, sources: Mapping[str, str]) -> Iterator[str]:
    """Yield the path of each module of this project that a source imports anywhere."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "thresher":
                yield module_path(parts[1:], sources)


def module_path(parts: list[str], sources: Mapping[str, str]) -> str:
    """Return the module that a dotted name (without `thresher`) is in: the longest prefix that is one."""
    for length in range(len(parts), 0, -1):
        stem = "/".join(parts[:length])
        for path in (f"{stem}.py", f"{stem}/__init__.py"):
            if path in sources:
                return path
    return "__init__.py"


def code_lines(text: str) -> int:
    """Count the lines with code: no blank lines, comments or docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NOT_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def bottom_up(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Sort packages so that each follows those it imports, lower layers first.

    In a cycle, the package with the fewest imports that are not placed yet comes first.
    """
    ordered: list[str] = []
    left = {name: set(targets) & set(imports) for name, targets in imports.items()}
    while left:
        name = min(left, key=lambda name: (len(left[name]), layer_of(name), name))
        ordered.append(name)
        del left[name]
        for targets in left.values():
            targets.discard(name)
    return ordered


def layer_of(name: str) -> int:
    """Return the height of a package's layer: -1 for modules at the top, except those that start the program."""
    layer = name.split("/")[0]
    if layer in LAYERS:
        return LAYERS.index(layer)
    return -1 if layer in SHARED else len(LAYERS)


def changes_since(revision: str, until: str | None) -> dict[str, tuple[int, int]]:
    """Return the lines added and deleted in each package from one revision to another (None: the working tree)."""
    revisions = [revision] if until is None else [revision, until]
    fields = git("diff", "--numstat", "-z", "-M", *revisions, "--", SOURCE).split("\0")
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    entries = iter(fields)
    for entry in entries:
        if not entry:
            continue
        added, deleted, path = entry.split("\t")
        if not path:  # a moved file: its old and its new path follow
            next(entries)
            path = next(entries)
        if path.endswith(".py"):
            name = package_of(path.removeprefix(f"{SOURCE}/"))
            found[name][0] += int(added)
            found[name][1] += int(deleted)
    return {name: (added, deleted) for name, (added, deleted) in found.items()}


def table(found: Iterable[Package], changes: Mapping[str, tuple[int, int]] | None = None) -> str:
    """Return packages as a Markdown table, with the lines added and deleted in each if `changes` are given."""
    head = [
        "package",
        "modules",
        "lines",
        "of code",
        *(["added", "deleted"] if changes is not None else []),
        "imports",
    ]
    rows, left = [], dict(changes or {})
    for each in found:
        change = left.pop(each.name, (0, 0))
        counts = [each.modules, each.lines, each.code, *(change if changes is not None else [])]
        marks = " ↺" if each.has_cycle else ""
        rows.append(
            [f"`{each.name}`{marks}", *map(str, counts), ", ".join(f"`{name}`" for name in each.imports)]
        )
    for name, (added, deleted) in sorted(left.items()):  # packages that exist in the earlier revision only
        rows.append([f"`{name}` (gone)", "0", "0", "0", str(added), str(deleted), ""])
    totals = [str(sum(int(row[column]) for row in rows)) for column in range(1, len(head) - 1)]
    rows.append(["total", *totals, ""])
    rule = ["---", *["---:"] * (len(head) - 2), "---"]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def main() -> None:
    """Write the page, or print the table of a revision."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--revision", help="print the table of this git revision; write nothing")
    parser.add_argument(
        "--since", help="print the table with the lines changed since this revision; write nothing"
    )
    options = parser.parse_args()
    found = packages(read_sources(options.revision))
    if options.revision or options.since:
        changes = changes_since(options.since, options.revision) if options.since else None
        print(table(found, changes), end="")
    else:
        PAGE.write_text(HEAD + table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
