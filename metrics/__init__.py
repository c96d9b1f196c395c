"""What numbers mean and where they come from: the metric dictionary, sources, KPIs."""
