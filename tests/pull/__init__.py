"""Provider pull and Feed against real servers of other projects."""
