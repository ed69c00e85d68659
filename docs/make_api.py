"""Write docs/api.md: the signature and docstring of each public name. Run `make api`."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import thresher
from thresher.errors import ThresherError

PAGE = Path(__file__).with_name("api.md")

HEAD = """\
# Python API

All names below are attributes of `thresher`. `make api` writes this page from the code.

Functions take an open `Catalog` first and return frozen dataclasses. They print nothing. All errors are
`ThresherError`s, whose message is a sentence for people. [Types of fields](#types-of-fields) describes what fields
hold, each class with its module: programs read such objects, and need not make them.
"""

WIDTH = 100


def page() -> str:
    """Return the text of docs/api.md."""
    names: list[str] = sorted(dir(thresher), key=str.lower)
    found = {name: getattr(thresher, name) for name in names}
    functions = [name for name in names if inspect.isfunction(found[name])]
    errors = [name for name in names if _is_error(found[name])]
    classes = [name for name in names if inspect.isclass(found[name]) and name not in errors]
    values = [name for name in names if name not in {*functions, *errors, *classes}]
    parts = [HEAD]
    parts += ["## Functions", *(_function(name, found[name]) for name in functions)]
    parts += ["## Classes", *(_class(name, found[name]) for name in classes)]
    parts += ["## Types of fields", *(_part(name, kind) for name, kind in sorted(field_types(found).items()))]
    parts += ["## Errors", *(_error(name, found[name]) for name in errors)]
    parts += ["## Other names", *(f"### `{name}`\n\n{_value(found[name])}" for name in values)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def field_types(public: Mapping[str, Any]) -> dict[str, type]:
    """Return the classes that public signatures and fields name and that are not public, with those that they name.

    Raises ValueError if two classes share a name, or if one has the name of a public class.
    """
    found: dict[str, type] = {}
    waiting = [value for value in public.values() if inspect.isclass(value) or inspect.isfunction(value)]
    while waiting:
        for name, kind in _named_classes(waiting.pop()):
            if kind in (public.get(name), found.get(name)):
                continue
            if name in public or name in found:
                raise ValueError(f"two classes have the name {name}; one of them is in {kind.__module__}")
            found[name] = kind
            waiting.append(kind)
    return found


def _named_classes(value: Any) -> Iterator[tuple[str, type]]:
    """Yield the names in the annotations of a function or class that mean classes of thresher, with these."""
    for owner in (value, *(function for _, function in _methods(value)), *_getters(value)):
        for word in _words(owner.__annotations__ if hasattr(owner, "__annotations__") else {}):
            kind = _meaning(word, owner.__module__)
            if inspect.isclass(kind) and kind.__module__.startswith("thresher."):
                yield word, kind


def _words(annotations: Mapping[str, Any]) -> Iterator[str]:
    for key, annotation in annotations.items():
        if not key.startswith("_"):
            yield from re.findall(r"[A-Z]\w+", _type(annotation))


def _getters(value: Any) -> Iterator[Any]:
    """Yield the functions of a class's properties."""
    for key, member in vars(value).items() if inspect.isclass(value) else ():
        if isinstance(member, property) and not key.startswith("_"):
            yield member.fget


def _meaning(word: str, module: str) -> Any:
    """Return what a name means in a module, also if the module imports it only for type checkers."""
    there = getattr(sys.modules[module], word, None)
    if there is None and word in _imports(module):
        there = getattr(import_module(_imports(module)[word]), word, None)
    return there


@cache
def _imports(module: str) -> Mapping[str, str]:
    """Return the modules from which a module imports names of thresher, by name."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {
        name.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("thresher.")
        for name in node.names
    }


def _part(name: str, kind: type) -> str:
    return f"{_class(name, kind)}\n\nIn `{kind.__module__}`."


def _is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, ThresherError)


def _function(name: str, function: Any) -> str:
    return f"### `{name}`\n\n{_code(_signature(name, function))}\n\n{_docstring(function)}"


def _class(name: str, kind: type) -> str:
    parts = [f"### `{name}`", _code("\n".join(_attributes(name, kind))), _docstring(kind)]
    for method, function in _methods(kind):
        parts.append(f"{_code(_signature(f'{name}.{method}', function))}\n\n{_docstring(function)}")
    return "\n\n".join(parts)


def _attributes(name: str, kind: type) -> list[str]:
    """Return the fields of a dataclass or named tuple and the properties, one a line, below the class's name."""
    types = {key: str(value) for key, value in inspect.get_annotations(kind).items()}
    if dataclasses.is_dataclass(kind):
        lines = [
            f"    {field.name}: {_type(field.type)}{_default(field)}"
            for field in dataclasses.fields(kind)
            if not field.name.startswith("_")
        ]
    elif hasattr(kind, "_fields"):
        lines = [f"    {field}: {_type(types[field])}" for field in kind._fields]
    else:
        lines = []
    for key, value in vars(kind).items():
        if isinstance(value, property) and not key.startswith("_"):
            result = inspect.signature(value.fget).return_annotation if value.fget else ""
            lines.append(f"    {key}: {_type(result)}  # read only")
    return [f"class {name}", *lines]


def _methods(kind: Any) -> list[tuple[str, Any]]:
    methods = []
    for key, value in vars(kind).items() if inspect.isclass(kind) else ():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if inspect.isfunction(function) and not key.startswith("_") and inspect.getdoc(function):
            methods.append((key, function))
    return methods


def _error(name: str, kind: type[ThresherError]) -> str:
    return f"### `{name}`\n\nExit code {kind.exit_code}. {_docstring(kind)}"


def _value(value: Any) -> str:
    return "The version of thresher." if isinstance(value, str) else _code(repr(value))


def _signature(name: str, function: Any) -> str:
    """Return a signature as it stands in the code, one parameter a line where it is long."""
    signature = inspect.signature(function)
    parameters: list[str] = []
    keyword_only = False
    for key, parameter in signature.parameters.items():
        if key in {"self", "cls"}:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            parameters.append("*")
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        keyword_only |= stars == "*"
        text = f"{stars}{key}: {_type(parameter.annotation)}"
        if parameter.default is not parameter.empty:
            text += f" = {_literal(parameter.default)}"
        parameters.append(text)
    end = f") -> {_type(signature.return_annotation)}"
    line = f"{name}({', '.join(parameters)}{end}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), end])


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {_literal(field.default)}"
    if field.default_factory is not dataclasses.MISSING:
        made = field.default_factory()
        return f" = {_literal(made)}"
    return ""


def _literal(value: Any) -> str:
    """Return a default as code, without addresses of objects, which differ from run to run."""
    return re.sub(r"<(?:built-in )?function (\w+)[^>]*>", r"\1", repr(value))


def _type(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    return getattr(annotation, "__name__", str(annotation))


def _docstring(value: Any) -> str:
    return inspect.getdoc(value) or ""


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
