"""Hundreds of services: one structural model of their total, and in chunks what each service makes of it."""
