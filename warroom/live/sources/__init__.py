"""What came: requests, hours of every metric and readings, and how fresh each source is."""
