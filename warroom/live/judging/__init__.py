"""What follows from it, as pure functions: capacity, alerts that do not flap, and who answers which first."""
