"""Lets data in and out: webhook, API, pull, command line. Knows HTTP, files and clocks."""
