"""Kill every command at its file-system events, or let those events fail, and see whether the promises hold.

`make faults` runs the whole sweep, `python -m tests.faults --help` explains the options, docs/reliability.md states
what is promised and counted. The parts, from the bottom up:

- `interposer.c` is preloaded into the processes of a command. It counts their events and acts on one of them.
- `interposer.py` compiles it, and holds the settings of one fault.
- `commands.py` runs a command in a child process and ends what is left of it.
- `folders.py` makes, copies and compares the folders in which commands run.
- `scenarios.py` is the table of commands; `shelves.py` makes the folders that they start from.
- `points.py` tries one fault and judges what it leaves.
- `worker.py` runs points one after another, `sweep.py` shares the points out, `journal.py` keeps the outcomes.
"""
