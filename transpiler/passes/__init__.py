"""IR to IR without changing meaning: simplification, dependence, saved values, bufferisation, fusion."""
