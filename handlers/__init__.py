"""Decides: one use case a file, over a port; what they decide by stands in `handlers.rules`."""
