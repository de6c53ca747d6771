"""The conductivity of a plate from its temperature: a time loop with in-place slices, differentiated and minimised."""

import time

import numpy as np
from scipy.optimize import minimize

import gradscribe as gs


def simulate(log_conductivity, temperature, steps, dt):
    """Explicit finite volumes for u_t = div(k grad u) on the unit grid; the rim of the plate keeps its temperature."""
    k = np.exp(log_conductivity)
    across = 0.5 * (k[1:, :] + k[:-1, :])
    along = 0.5 * (k[:, 1:] + k[:, :-1])
    u = temperature.copy()
    for _ in range(steps):
        down = across * (u[1:, :] - u[:-1, :])
        right = along * (u[:, 1:] - u[:, :-1])
        u[1:-1, 1:-1] += dt * (down[1:, 1:-1] - down[:-1, 1:-1] + right[1:-1, 1:] - right[1:-1, :-1])
    return u


def misfit(log_conductivity, starts, observed, steps, dt):
    """Squared distance to all observations, and a penalty on roughness."""
    total = 0.0
    for i in range(starts.shape[0]):
        total += np.sum((simulate(log_conductivity, starts[i], steps, dt) - observed[i]) ** 2)
    rough_rows = log_conductivity[1:, :] - log_conductivity[:-1, :]
    rough_columns = log_conductivity[:, 1:] - log_conductivity[:, :-1]
    return total + 1e-6 * (np.sum(rough_rows**2) + np.sum(rough_columns**2))


def plate(size=20):
    """(true log conductivity, starting temperatures): a conducting disc in a plate, and three heated bands."""
    y, x = np.mgrid[0:size, 0:size] / (size - 1.0)
    truth = np.where((x - 0.6) ** 2 + (y - 0.4) ** 2 < 0.06, 0.8, 0.0)
    starts = np.stack([np.sin(3 * np.pi * x), np.sin(3 * np.pi * y), np.sin(2 * np.pi * (x + y))])
    return truth, starts


def recover(steps=40, dt=0.05, iterations=200):
    """L-BFGS from a uniform plate; returns a dict of what was measured."""
    truth, starts = plate()
    observed = np.stack([simulate(truth, start, steps, dt) for start in starts])
    derivative = gs.jit(gs.value_and_grad(misfit))
    guess = np.zeros_like(truth)
    begun = time.perf_counter()
    derivative(guess, starts, observed, steps, dt)
    compiled = time.perf_counter()

    def objective(flat):
        value, gradient = derivative(flat.reshape(truth.shape), starts, observed, steps, dt)
        return value, gradient.ravel()

    found = minimize(objective, guess.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": iterations})
    finished = time.perf_counter()
    inside = (slice(1, -1), slice(1, -1))
    error = np.linalg.norm((found.x.reshape(truth.shape) - truth)[inside]) / np.linalg.norm(truth[inside])
    return {
        "error": error,
        "first": float(objective(guess.ravel())[0]),
        "last": float(found.fun),
        "evaluations": found.nfev,
        "compile_seconds": compiled - begun,
        "seconds": finished - compiled,
    }
