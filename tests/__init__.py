"""The tests of thresher. They mirror src/thresher: the tests of a module are in the file of its name."""
