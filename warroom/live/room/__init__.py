"""The war room at one instant: the live state with what people need beside it, made once for all who watch."""
