"""Plain comparisons accept what pydantic accepts, and leave the rest to it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from thresher.catalog.settings import validation
from thresher.catalog.settings.sections import SECTIONS, PatternEntry
from thresher.signal.metrics.registry import METRICS

TOML_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 1100),
    st.floats(),
    st.floats(-2, 100),
    st.text(),
    st.lists(st.sampled_from([*METRICS, "none", 1]), max_size=3),
    st.sampled_from(
        [
            "chain",
            "age+",
            "chain\n",
            "serial",
            "processes:2",
            "processes:0",
            "dask:tcp://h:1",
            "likeness",
            "fpcalc",
        ]
    ),
    st.sampled_from(
        ["sqlite:///a.db", "sqlite:///ä.db", "postgresql+psycopg://h/n", "postgresql+psycopg://u:p@h/n"]
    ),
)
"""Values of keys, of which each key takes some."""


ADAPTERS: dict[Any, TypeAdapter[Any]] = {
    section: TypeAdapter(section) for section in (*SECTIONS.values(), PatternEntry)
}


@given(TOML_VALUES)
def test_plain_comparisons_accept_only_what_pydantic_accepts(value: Any) -> None:
    for section, adapter in ADAPTERS.items():
        for key in (*(each.name for each in fields(section)), "unknown"):
            plain = validation._accepted(section, {key: value})
            if plain is not None:
                assert repr(plain) == repr(adapter.validate_python({key: value}))


def test_plain_comparisons_settle_every_key_at_its_default() -> None:
    for name, section in SECTIONS.items():
        given = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(section()).items()
            if value is not None and key != "max_length"
        }
        assert validation._accepted(section, given) == section(), name
