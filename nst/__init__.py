"""Neural style transfer from scratch: every forward and every backward pass is written by hand."""

__version__ = "0.1.0"
