"""The war room of a rehearsal: what the live one sees, expects and does, handed to the rehearsal as functions."""
