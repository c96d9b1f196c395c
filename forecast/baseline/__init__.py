"""What each hour brings when no campaign runs."""
