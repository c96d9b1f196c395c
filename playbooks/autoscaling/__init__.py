"""Traffic paths and capacity in, a step plan with its limits, cost, back-test and manifests out."""
