"""The MLflow rim: translates between MLflow and `governance`, and decides nothing."""
