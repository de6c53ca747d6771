"""Array level to loop level: explicit counted loops over scalars, few and fat."""
