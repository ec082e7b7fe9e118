"""The registry from HTTP to the store and back, on both engines."""
