"""Throughput and memory of training, beside stock Stable-Baselines3."""
