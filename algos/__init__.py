"""Agents: usable by any Stable-Baselines3 user without the harness."""
