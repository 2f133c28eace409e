"""What is shown to people: gathered from the books as plain facts, then rendered."""
