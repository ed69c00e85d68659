"""The commands of `thresher`: each module parses the options of one or a few commands, calls a verb and prints."""
