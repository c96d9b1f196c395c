"""Where history keeps coming from: monitoring, databases, drop folders, posts and tables that people fill in."""
