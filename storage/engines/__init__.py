"""The two engines behind one small connection protocol."""
