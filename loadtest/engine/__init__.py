"""The part that runs inside locust. Only a process that sends traffic imports this package."""

from loadtest.engine.surge import Surge, stage
from loadtest.engine.visit import Visit

__all__ = ["Surge", "Visit", "stage"]
