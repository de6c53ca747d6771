"""What a running program needs beside its kernels: dispatch, devices, tapes, meshes, collectives, random keys."""
