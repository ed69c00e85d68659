"""Let numpy's OpenBLAS use one thread, if the user's environment does not say otherwise.

Processes of thresher's own import this before numpy. OpenBLAS starts a thread for each core, which spins for a
tenth of a second after the import and competes with other processes. The number of its threads also decides the
last digits of some sums. Large products run on threads of thresher's own.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
