"""The HTTP API: one file a resource, and what they share."""
