"""Painting in one pass through a network: trained nets, one for each style, and universal style transfer."""
