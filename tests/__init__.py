"""What the software promises, held."""
