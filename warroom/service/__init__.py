"""The web service: who gets in, what protects it, and how a page is made."""
