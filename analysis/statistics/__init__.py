"""Statistics as pure functions on arrays: of one run, over seeds, of learning curves."""
