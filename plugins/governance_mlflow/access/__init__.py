"""Who may see which entry and read which bytes."""
