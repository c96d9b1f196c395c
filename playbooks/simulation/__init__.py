"""The replay engine: sample paths played tick by tick through policies, vectorised over [row, path]."""
