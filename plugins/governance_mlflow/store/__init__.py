"""MLflow's model registry with the gate inside it."""
