"""Forecasts made anew when a plan is submitted and every night from D-28, and what that changed, told to the owners."""
