"""Shapes from which the same values are read form one group."""

from __future__ import annotations

from typing import Any

from thresher.curation.ingest.name_groups import SHOWN_EXAMPLES, NameShape, group_shapes


def shape(text: str, files: int = 1, *, pattern: str | None = "epoch", **sources: str) -> NameShape:
    given: dict[str, Any] = sources or {"epoch": "name"}
    return NameShape(text, files, f"{text}.wav", pattern, dict.fromkeys(given, "1"), given, True, None)


def test_groups_with_the_most_files_come_first_then_by_shape() -> None:
    found = group_shapes(
        [
            shape("a_#", 3, epoch="name"),
            shape("b_#", 3, epoch="folder"),
            shape("c_#", 9, pattern=None, epoch="name"),
        ]
    )
    assert [(group.files, group.pattern) for group in found] == [(9, None), (3, "epoch"), (3, "epoch")]
    assert found[1].shape < found[2].shape


def test_shapes_that_read_the_same_are_one_group_with_a_few_examples() -> None:
    shapes = [shape(f"{letter}_#", 10 - place) for place, letter in enumerate("abcde")]
    (found,) = group_shapes(shapes)
    assert (found.shapes, found.files) == (5, 10 + 9 + 8 + 7 + 6)
    assert [each.path for each in found.examples] == ["a_#.wav", "b_#.wav", "c_#.wav"][:SHOWN_EXAMPLES]


def test_attributes_of_sidecars_do_not_tell_groups_apart_but_their_checkpoints_do() -> None:
    plain = shape("a_#", epoch="name")
    with_seed = shape("b_#", epoch="name", seed="sidecar")
    with_prompt = shape("c_#", epoch="name", prompt="sidecar")
    of_sidecar = shape("d_#", epoch="sidecar")
    assert [group.shapes for group in group_shapes([with_seed, with_prompt])] == [2]
    assert [group.shapes for group in group_shapes([plain, with_seed])] == [1, 1]
    assert [group.shapes for group in group_shapes([with_seed, of_sidecar])] == [1, 1]


def test_one_shape_that_is_read_in_two_ways_gives_one_example_to_its_group() -> None:
    (found,) = group_shapes([shape("a_#", 3), shape("a_#", 2)])
    assert (found.shapes, found.files, len(found.examples)) == (1, 5, 1)


def test_attributes_of_names_tell_groups_apart() -> None:
    with_heat = shape("b_#", epoch="name", temperature="name")
    assert [group.shapes for group in group_shapes([shape("a_#", epoch="name"), with_heat])] == [1, 1]
