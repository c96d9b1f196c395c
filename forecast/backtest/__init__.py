"""Every past campaign forecast again as of its own lead, scored beside plain peers."""
