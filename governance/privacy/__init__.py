"""The numbers: what a mechanism guarantees and what an attack achieves."""
