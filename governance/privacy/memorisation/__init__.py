"""Memorised text: what a language model can say of its training text word by word."""
