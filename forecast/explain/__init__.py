"""Why this number: the bridge from last time, the effect of each driver, the picture."""
