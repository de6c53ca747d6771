"""Affine reasoning about which element an equation touches, and when."""
