"""The targets of the fuzzer: add a line here for each new one."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz.audio import Audio
from tests.fuzz.documents import Documents
from tests.fuzz.names import Names
from tests.fuzz.queries import Queries
from tests.fuzz.target import Target

TARGETS: Mapping[str, type[Target]] = {kind.name: kind for kind in (Audio, Queries, Documents, Names)}
