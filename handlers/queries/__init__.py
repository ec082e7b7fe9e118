"""What can be asked: one file a resource, each a coroutine over one transaction that gives what the wire shows."""
