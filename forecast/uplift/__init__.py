"""What campaigns add: terms of a plan, their shapes in time, and the partially pooled model of their sizes."""
