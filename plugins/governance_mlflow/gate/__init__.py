"""The gate on one registry: its books, its lineage, and what every governed change needs."""
