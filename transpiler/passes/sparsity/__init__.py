"""Which elements of a result depend on which elements of an argument, and how few directions tell them apart."""
