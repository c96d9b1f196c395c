"""Messages into the team's chat: signed where the platform signs, never faster than it allows."""
