"""Traffic and capacity in; autoscaling, staffing and checklist out."""
