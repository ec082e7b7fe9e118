"""What is said: the typed messages of every interface, with no behaviour beyond their own shape."""
