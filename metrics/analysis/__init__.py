"""What is worked out from the same tables and definitions: funnels, attribution, segments."""
