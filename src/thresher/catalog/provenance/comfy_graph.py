"""Read the parameters of a generation from the graph that ComfyUI writes into the tag `prompt`.

The graph maps the names of nodes to `{"class_type": …, "inputs": {…}}`. An input is a value, or a link to the
output of another node: `["6", 0]`. A primitive node holds one value, the input `value`, for the nodes that link to
it. The tag `workflow` holds the same graph as the editor draws it, and is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard

MOST_NODES = 10_000
_FARTHEST = 20  # links from a sampler to the text of its prompt
_OF_THE_EDITOR = frozenset(
    ("filename_prefix", "audioUI", "control_after_generate", "quality", "upload", "device")
)
_NAMES = {"noise_seed": "seed", "ckpt_name": "checkpoint", "text": "prompt", "tags": "prompt"}
_PROMPTS = {"positive": "prompt", "conditioning": "prompt", "negative": "negative_prompt"}
_TEXTS = ("text", "tags", "prompt", "value")
_PRIMITIVE = "Primitive"  # the start of the class of nodes that hold one value


def is_graph(content: object) -> bool:
    """Return whether a JSON object is a graph of ComfyUI."""
    return (
        isinstance(content, Mapping)
        and 0 < len(content) <= MOST_NODES
        and all(isinstance(node, Mapping) and "class_type" in node for node in content.values())
    )


def is_workflow(content: object) -> bool:
    """Return whether a JSON object is a graph as ComfyUI's editor draws it."""
    return isinstance(content, Mapping) and isinstance(content.get("nodes"), list) and "links" in content


def graph_values(graph: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Return the inputs of all nodes by name, and `prompt` and `negative_prompt` as the samplers use them.

    An input that has different values in several nodes is left out.
    """
    nodes = {name: _inputs(node) for name, node in graph.items()}
    values: dict[str, object] = {}
    for inputs in nodes.values():
        for name, value in inputs.items():
            if name in _PROMPTS and name not in ("conditioning",):
                text = _text(nodes, value)
                if text:
                    values.setdefault(_PROMPTS[name], text)
    ambiguous: set[str] = set()
    found: dict[str, object] = {}
    primitive = {
        name: _inputs(node).get("value")
        for name, node in graph.items()
        if str(node.get("class_type")).startswith(_PRIMITIVE)
    }
    for name, value in _scalars(nodes, primitive):
        if found.setdefault(name, value) != value:
            ambiguous.add(name)
    rest = {name: value for name, value in found.items() if name not in ambiguous and name not in values}
    return {**values, **rest}


def _inputs(node: Mapping[str, object]) -> Mapping[str, object]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, Mapping) else {}


def _scalars(
    nodes: Mapping[str, Mapping[str, object]], primitive: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    for node, inputs in nodes.items():
        for name, linked in {} if node in primitive else inputs.items():
            value = primitive.get(linked[0]) if _is_link(linked) else linked
            if name not in _OF_THE_EDITOR and isinstance(value, str | int | float) and value != "":
                yield _NAMES.get(name, name), value


def _text(nodes: Mapping[str, Mapping[str, object]], link: object) -> str | None:
    """Follow links from an input to the node that holds a text."""
    for _ in range(_FARTHEST):
        if not _is_link(link):
            return None
        inputs = nodes.get(link[0], {})
        text = next((inputs[name] for name in _TEXTS if isinstance(inputs.get(name), str)), None)
        if text is not None:
            return str(text) or None
        texts = (inputs[name] for name in _TEXTS if _is_link(inputs.get(name)))
        link = next(texts, next((value for name, value in inputs.items() if name in _PROMPTS), None))
    return None


def _is_link(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)
