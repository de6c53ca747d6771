"""Ordinary NumPy programs, one per file, with which every transformation is tested."""
