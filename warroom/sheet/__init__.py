"""The sheet that marketing already keeps: read into the form, row by row against what the plan says, and back out."""
