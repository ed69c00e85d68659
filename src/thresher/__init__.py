"""A persistent catalog for the audio that generative models write.

`from thresher import Catalog` and the verbs – `ingest`, `score`, `select`, `save_song`, `render` … – are
loaded when first used, so that importing the package costs nothing.
"""

__version__ = "0.1.0"
