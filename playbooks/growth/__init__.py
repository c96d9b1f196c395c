"""Early-warning rules, shared objectives and the growth meeting: what values of the dictionary's metrics lead to."""
