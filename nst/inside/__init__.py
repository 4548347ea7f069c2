"""Seeing inside a network: the pictures that its units want, and what they see in ours."""
