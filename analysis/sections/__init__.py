"""Sections of a report: each makes one table from settings, or none where it has nothing to say."""
