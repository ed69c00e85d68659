"""Random sequences of commands by two processes, against a model of the catalog in memory."""
