"""Graphs of ComfyUI: prompts by their links, ambiguous inputs left out, broken graphs."""

from __future__ import annotations

from typing import Any

from tests.catalog.tagged_files import GRAPH, WORKFLOW
from thresher.catalog.provenance.comfy_graph import graph_values, is_graph, is_workflow


def test_the_values_of_a_graph() -> None:
    assert graph_values(GRAPH) == {
        "prompt": "slow rain",
        "negative_prompt": "drums",
        "seed": 840755638734093,
        "steps": 50,
        "cfg": 4.98,
        "sampler_name": "dpmpp_3m_sde_gpu",
        "checkpoint": "stable-audio-open-1.0.safetensors",
    }


def test_prompts_are_found_through_other_nodes() -> None:
    graph: dict[str, Any] = {
        **GRAPH,
        "3": {"class_type": "CFGGuider", "inputs": {"positive": ["8", 0], "cfg": 2}},
        "8": {"class_type": "ConditioningStableAudio", "inputs": {"positive": ["6", 0], "seconds_total": 47}},
    }
    assert graph_values(graph)["prompt"] == "slow rain"


def test_values_in_primitive_nodes_are_those_of_the_inputs_that_link_to_them() -> None:
    graph: dict[str, Any] = {
        "3": {"class_type": "KSampler", "inputs": {"seed": ["20", 0], "steps": 50, "positive": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["21", 0]}},
        "20": {"class_type": "PrimitiveInt", "inputs": {"value": 42}},
        "21": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "slow rain"}},
        "22": {"class_type": "PrimitiveFloat", "inputs": {"value": 0.5}},
    }
    assert graph_values(graph) == {"prompt": "slow rain", "seed": 42, "steps": 50}


def test_an_input_with_several_values_is_left_out() -> None:
    graph = {**GRAPH, "30": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 50}}}
    values = graph_values(graph)
    assert "seed" not in values
    assert values["steps"] == 50


def test_circles_and_wrong_types_do_no_harm() -> None:
    graph: dict[str, Any] = {
        "1": {"class_type": "A", "inputs": {"positive": ["2", 0]}},
        "2": {"class_type": "B", "inputs": {"positive": ["1", 0]}},
        "3": {"class_type": "C", "inputs": ["no", "mapping"]},
        "4": {"class_type": "D", "inputs": {"positive": [], "negative": [{}], "seed": None}},
    }
    assert graph_values(graph) == {}


def test_graphs_and_workflows_are_distinguished() -> None:
    assert is_graph(GRAPH)
    assert not is_workflow(GRAPH)
    assert is_workflow(WORKFLOW)
    assert not is_graph(WORKFLOW)
    others: tuple[Any, ...] = ({}, [], None, {"seed": 1}, {"a": {"b": 1}})
    for other in others:
        assert not is_graph(other)
        assert not is_workflow(other)
