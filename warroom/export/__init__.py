"""What goes into the tools that a team has already: gauges, alert rules, a dashboard, a calendar."""
