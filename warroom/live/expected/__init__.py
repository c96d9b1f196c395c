"""What everything is compared with: the frozen forecast, and the rest of the event forecast again beside it."""
