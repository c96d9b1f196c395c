"""Can I push now? The room that the plan's capacity leaves for one more send, and when."""
