"""The modules that worker processes load before their first task. Reading this list loads none of them."""

WORKER_MODULES = ("thresher.curation.analysis.analyse", "chromaprint")
"""The modules that every analysis needs. Worker processes skip those that a machine lacks."""
