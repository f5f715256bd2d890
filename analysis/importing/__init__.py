"""Other people's results as run directories, so that one report reads both."""
