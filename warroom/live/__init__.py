"""The live war room's machinery: two clocks, the re-forecast, alerts that do not flap, the hourly digest."""
