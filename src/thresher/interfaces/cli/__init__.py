"""The command line: what the commands share, such as options, tables and progress; `commands` has the commands."""
