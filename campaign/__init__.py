"""The nouns both sides share (plan, traffic, capacity, readiness) and where they are kept."""
