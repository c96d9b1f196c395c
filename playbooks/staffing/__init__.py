"""How many people each support desk needs, half-hour by half-hour, and what the bot should learn before the day."""
