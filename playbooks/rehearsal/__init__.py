"""The whole event played before it happens: every sample path through the planned replicas and limits."""
