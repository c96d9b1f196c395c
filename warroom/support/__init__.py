"""The support lead's page: people against contacts, files down, edited files back."""
