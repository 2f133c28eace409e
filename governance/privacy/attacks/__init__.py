"""Attacks on membership, one file each; what they all return stands in `interface`."""
