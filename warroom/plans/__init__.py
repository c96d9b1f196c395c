"""Campaign plans in a browser: the form, the file behind it, its revisions in words."""
