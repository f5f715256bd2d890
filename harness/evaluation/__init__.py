"""How well a run's agent plays apart from its training: fixed parameters, seeds of their own."""
