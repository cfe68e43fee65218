"""Weights for a user's own ground: places of its map or mesh, fine-tuning, before and after."""
