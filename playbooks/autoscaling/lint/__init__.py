"""What schemas do not see: ranges, zones, dates that come again, steps without a way back, floors over a quota."""
