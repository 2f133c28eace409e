"""What a training did, recorded from the objects that did it."""
