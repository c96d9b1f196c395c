"""What executors are given: one module for each, plain documents out, each with its way back."""
