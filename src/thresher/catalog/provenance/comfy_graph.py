"""Read the parameters of a generation from the graph that ComfyUI writes into the tag `prompt`.

The graph maps the names of nodes to `{"class_type": …, "inputs": {…}}`. An input is a value, or a link to the
output of another node: `["6", 0]`. The tag `workflow` holds the same graph as the editor draws it, and is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

MOST_NODES = 10_000
_FARTHEST = 20  # links from a sampler to the text of its prompt
_OF_THE_EDITOR = frozenset(
    ("filename_prefix", "audioUI", "control_after_generate", "quality", "upload", "device")
)
_NAMES = {"noise_seed": "seed", "ckpt_name": "checkpoint", "text": "prompt", "tags": "prompt"}
_PROMPTS = {"positive": "prompt", "conditioning": "prompt", "negative": "negative_prompt"}
_TEXTS = ("text", "tags", "prompt")


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
    for name, value in _scalars(nodes):
        if found.setdefault(name, value) != value:
            ambiguous.add(name)
    rest = {name: value for name, value in found.items() if name not in ambiguous and name not in values}
    return {**values, **rest}


def _inputs(node: Mapping[str, object]) -> Mapping[str, object]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, Mapping) else {}


def _scalars(nodes: Mapping[str, Mapping[str, object]]) -> Iterator[tuple[str, object]]:
    for inputs in nodes.values():
        for name, value in inputs.items():
            if name not in _OF_THE_EDITOR and isinstance(value, str | int | float) and value != "":
                yield _NAMES.get(name, name), value


def _text(nodes: Mapping[str, Mapping[str, object]], link: object) -> str | None:
    """Follow links from an input to the node that holds a text."""
    for _ in range(_FARTHEST):
        if not isinstance(link, list) or not link or not isinstance(link[0], str):
            return None
        inputs = nodes.get(link[0], {})
        text = next((inputs[name] for name in _TEXTS if isinstance(inputs.get(name), str)), None)
        if text is not None:
            return str(text) or None
        link = next((value for name, value in inputs.items() if name in _PROMPTS), None)
    return None
