"""What the platform engineer runs: the doctor, reconciling, the watch, what must hold at start."""
