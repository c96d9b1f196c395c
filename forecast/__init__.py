"""History and campaign plans in, traffic model out."""
