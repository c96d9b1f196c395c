"""Traffic model in, locust scenario, run, verdict and capacity of one replica out."""
