"""The hourly and the minute clock: each look pulls, keeps, judges and tells, and can be cut short and done again."""
