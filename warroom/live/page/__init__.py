"""The page on the phone: its eleven blocks, its chart, and the tap that decides."""
