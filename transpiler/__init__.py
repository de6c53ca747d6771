"""The compiler: typed functional IR, its primitives, the frontend, the transformations, the passes and the backends."""
