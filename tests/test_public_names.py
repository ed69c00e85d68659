"""The package root exports every verb, the classes that verbs take and return, and the errors."""

from __future__ import annotations

import inspect
import pydoc
import re
import subprocess
import sys
import typing

import pytest

import thresher
from tests.support import ROOT

NAMES = dir(thresher)
STUB = ROOT / "src/thresher/__init__.pyi"
VERBS = [name for name in NAMES if inspect.isfunction(getattr(thresher, name))]


def test_each_line_of_the_stub_exports_one_name() -> None:
    lines = [
        line for line in STUB.read_text(encoding="utf-8").splitlines() if line and not line.startswith('"')
    ]
    names = [re.fullmatch(r"from \.[a-z_.]+ import (\w+) as \1", line) for line in lines]
    assert all(names)
    assert sorted(name[1] for name in names if name) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_can_be_loaded(name: str) -> None:
    assert getattr(thresher, name) is not None


def test_dir_and_help_show_the_public_names() -> None:
    assert dir(thresher) == sorted(NAMES)
    page = pydoc.plain(pydoc.render_doc(thresher))
    assert not [name for name in NAMES if name != "__version__" and name not in page]


def test_an_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError):
        thresher.nonsense  # type: ignore[attr-defined]  # noqa: B018  the access is the test


@pytest.mark.parametrize("name", VERBS)
def test_what_a_verb_takes_and_returns_is_public(name: str) -> None:
    verb = getattr(thresher, name)
    hints = typing.get_type_hints(verb, vars(sys.modules[verb.__module__]))
    classes = {found for hint in hints.values() for found in _classes(hint)}
    assert not [found for found in classes if found.__name__ not in NAMES]


def _classes(hint: typing.Any) -> typing.Iterator[type]:
    """The classes of this package within a type hint."""
    for part in typing.get_args(hint):
        yield from _classes(part)
    if inspect.isclass(hint) and hint.__module__.startswith("thresher."):
        yield hint


def test_each_error_is_public() -> None:
    from thresher import errors

    kinds = {name for name, found in vars(errors).items() if inspect.isclass(found)}
    assert kinds <= set(NAMES)


def test_importing_the_package_imports_none_of_its_modules() -> None:
    code = "import sys, thresher; print(*(name for name in sys.modules if name.startswith('thresher.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
