"""Policies: what must be shown before a version may go somewhere, and the judgement of what is shown."""
