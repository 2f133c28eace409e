"""Model inversion: what a model's own idea of a class tells about the records that it was trained on."""
