"""Helpers that every other module may import: errors, files, archives, pixels, seeds."""
