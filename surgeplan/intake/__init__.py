"""`surgeplan init --from`: what was recognised in a folder of exports becomes a workspace."""
