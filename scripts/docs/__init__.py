"""Makes the parts of docs/ that stand in the code already: ``python -m scripts.docs``, from the root."""
