"""Training classifiers: what is asked for, its schedule, the loop, and what it leaves behind."""
