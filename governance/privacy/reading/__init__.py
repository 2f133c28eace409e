"""What a model tells about records, read the same way from every kind of model."""
