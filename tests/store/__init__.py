"""The storage room, on both engines."""
