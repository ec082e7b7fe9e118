"""Measurements: each prints one table of what it found beside baselines of the same run. See `python -m benchmarks --help`."""
