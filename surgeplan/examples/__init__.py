"""Workspaces that `surgeplan init --example` can make."""
