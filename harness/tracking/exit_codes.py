"""How a tracker ends; its supervisor decides by it whether to start it again."""

DONE = 0
FAILED = 1
HOPELESS = 2
"""Another attempt would end in the same way: there is no API key, or no client."""
