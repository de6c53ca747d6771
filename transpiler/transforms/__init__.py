"""IR to IR: jvp, vjp, vmap, checkpoint, shard; each one loop over equations."""
