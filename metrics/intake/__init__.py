"""What a company can export in an hour: each kind of file recognised, every column's meaning said, nothing guessed."""
