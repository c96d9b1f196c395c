"""The checklist that counts down to a campaign: items, evidence, gates, and the files people carry."""
