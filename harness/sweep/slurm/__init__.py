"""Sweeps on Slurm: profiles, packing, submission, the scheduler's view, and what runs inside a job."""
