"""Weights & Biases, fed from run directories by processes of its own; training never waits for it."""
