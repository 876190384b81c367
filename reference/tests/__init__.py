"""Known answers for every primitive, and the vectors on disk."""
