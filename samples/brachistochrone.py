"""The curve of fastest descent: the travel time is a functional of a curve sampled on a grid, and its minimum converges
to the cycloid.

The curve hangs from (0, 0) and ends at (width, depth), y downwards. Between two points of the grid it is straight, so
the bead has constant acceleration there and the time is exact: length over mean speed. The travel time of the polygon
is minimised by Newton's method; the functional derivative says how far from stationary a curve is.
"""

import numpy as np
from scipy.optimize import brentq

import gradscribe as gs

GRAVITY = 9.81


def travel_time(inner, grid, depth):
    """Of the polygon through (0, 0), the inner points and (width, depth)."""
    y, speed = np.zeros(grid.shape[0]), np.zeros(grid.shape[0])
    y[1:-1] = inner
    y[-1] = depth
    speed[1:] = np.sqrt(2.0 * GRAVITY * y[1:])  # at rest in (0, 0), where the root has no derivative
    length = np.sqrt((grid[1:] - grid[:-1]) ** 2 + (y[1:] - y[:-1]) ** 2)
    return np.sum(2.0 * length / (speed[1:] + speed[:-1]))


def cycloid(width, depth):
    """(travel time, height at x) of the exact solution x = r (a - sin a), y = r (1 - cos a)."""
    end = brentq(lambda a: (1.0 - np.cos(a)) / (a - np.sin(a)) - depth / width, 1e-6, 2.0 * np.pi - 1e-6)
    radius = depth / (1.0 - np.cos(end))

    def height(x):
        angle = [brentq(lambda a, v: radius * (a - np.sin(a)) - v, 0.0, end, args=(v,)) for v in x]
        return radius * (1.0 - np.cos(angle))

    return np.sqrt(radius / GRAVITY) * end, height


def fastest(n, width=1.0, depth=0.65, tolerance=1e-10):
    """Newton's method from a straight line; returns a dict of what was measured."""
    grid = width * (np.arange(n + 1) / n) ** 2  # finer at the start, where the cycloid is steep
    time = gs.jit(gs.value_and_grad(travel_time))
    curvature = gs.jit(gs.hessian(travel_time))
    stationary = gs.functional_grad(travel_time, weights=gs.quadrature_weights(grid)[1:-1])
    inner = depth * grid[1:-1] / width
    before = stationary(inner, grid, depth)
    steps, step = 0, inner
    while np.max(np.abs(step)) > tolerance and steps < 50:
        steps += 1
        value, gradient = time(inner, grid, depth)
        step = np.linalg.solve(curvature(inner, grid, depth), -gradient)
        rate = 1.0
        while rate > 1e-8:
            trial = inner + rate * step
            if np.all(trial > 0.0) and time(trial, grid, depth)[0] <= value + 0.1 * rate * (gradient @ step):
                break
            rate *= 0.5
        inner = trial
    exact, height = cycloid(width, depth)
    return {
        "n": n,
        "steps": steps,
        "time": float(time(inner, grid, depth)[0]),
        "exact": float(exact),
        "distance": float(np.max(np.abs(inner - height(grid[1:-1])))),
        "derivative_before": float(np.max(np.abs(before))),
        "derivative_after": float(np.max(np.abs(stationary(inner, grid, depth)))),
    }


def main(sizes=(10, 20, 40, 80)):
    print("points    time [s]   over the cycloid   distance to it   dT/dy before   after")
    for n in sizes:
        found = fastest(n)
        over = found["time"] - found["exact"]
        print(
            f"{n:6d} {found['time']:11.7f} {over:18.2e} {found['distance']:16.2e}"
            f" {found['derivative_before']:14.2e} {found['derivative_after']:7.0e}"
        )


if __name__ == "__main__":
    main()
