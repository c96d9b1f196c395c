"""After the event: what was planned beside what came, and what the next campaign learns from it."""
