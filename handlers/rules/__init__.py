"""Pure rules: no clock, no I/O. What decides can be read, replayed and tested alone."""
