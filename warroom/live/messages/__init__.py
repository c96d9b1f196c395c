"""What the chat is told: the hourly digest, and the outbox that sends every letter once."""
