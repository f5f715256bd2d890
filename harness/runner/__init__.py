"""One run: build, train, record."""
