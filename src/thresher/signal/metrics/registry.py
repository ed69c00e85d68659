"""The metrics: what there is to ask of two clips.

| metric | question | of |
|---|---|---|
| `prefix` | what the 1000sharks script asked: do they begin with the same sound? | fingerprints |
| `aligned` | is this the same sound, wherever it begins? | fingerprints |
| `likeness` | does this sound alike? | descriptors |

Adding one is a module and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from thresher.signal.metrics.aligned import ALIGNED
from thresher.signal.metrics.likeness import LIKENESS
from thresher.signal.metrics.metric import Metric
from thresher.signal.metrics.prefix import PREFIX

_METRICS: Sequence[Metric[Any]] = (PREFIX, ALIGNED, LIKENESS)
METRICS: Mapping[str, Metric[Any]] = MappingProxyType({metric.name: metric for metric in _METRICS})
