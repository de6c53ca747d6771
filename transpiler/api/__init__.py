"""The public transformations: from Python callables to Python callables, and what happens at each call."""
