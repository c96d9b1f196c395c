"""What can be done now, and the decisions on it."""
