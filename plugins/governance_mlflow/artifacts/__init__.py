"""The bytes of model versions: where they lie, who may reach them, how they are frozen."""
