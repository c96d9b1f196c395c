"""Early warning and growth on one board: rules by level, objectives, and the agenda of the coming meeting."""
