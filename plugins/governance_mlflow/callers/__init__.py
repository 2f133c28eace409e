"""Who asks, and what is being served for whom."""
