"""The checklist on a phone: one item per link; attach, sign or waive in two taps."""
