"""One run from its arguments to its files: what the doors that optimise a picture share."""
