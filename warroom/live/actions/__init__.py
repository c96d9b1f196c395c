"""What can be done while a campaign runs: each action with the effect that the models expect of it."""
