"""Joint sample paths on a grid of intervals, and what earlier campaigns say about how wide they must be."""
