"""Twenty further methods as textbooks write them in Python: recursion, lists that grow, dictionaries, objects, masks.

Chosen and written before any of them was run; the same form as `published`. Options that choose a program (functions,
counts) stand in defaults.
"""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass, field

import numpy as np
from tests.programs.published import Published


def fft_power_spectrum(signal):
    """Iterative radix-2 transform with bit reversal. Cormen et al., Introduction to Algorithms, 30.3."""
    n = len(signal)
    re, im = np.array(signal), np.zeros(n)
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            re[i], re[j] = re[j], re[i]
    size = 2
    while size <= n:
        half = size // 2
        for start in range(0, n, size):
            for k in range(half):
                angle = -2 * math.pi * k / size
                c, s = math.cos(angle), math.sin(angle)
                a, b = start + k, start + k + half
                t_re, t_im = c * re[b] - s * im[b], c * im[b] + s * re[b]
                re[b], im[b] = re[a] - t_re, im[a] - t_im
                re[a], im[a] = re[a] + t_re, im[a] + t_im
        size *= 2
    return re**2 + im**2


def brent_root(p, lo, hi, tol=1e-13):
    """Root of x exp(p x) = 1 by Brent's method. Brent, Algorithms for Minimization without Derivatives, ch. 4."""

    def f(x):
        return x * np.exp(p * x) - 1.0

    a, b = lo, hi
    fa, fb = f(a), f(b)
    if fa * fb > 0:
        raise ValueError("no change of sign")
    if abs(fa) < abs(fb):
        a, b, fa, fb = b, a, fb, fa
    c, fc, bisected = a, fa, True
    d = c
    while abs(b - a) > tol and fb != 0.0:
        if fa != fc and fb != fc:
            s = a * fb * fc / ((fa - fb) * (fa - fc)) + b * fa * fc / ((fb - fa) * (fb - fc))
            s += c * fa * fb / ((fc - fa) * (fc - fb))
        else:
            s = b - fb * (b - a) / (fb - fa)
        low, high = sorted(((3 * a + b) / 4, b))
        previous = abs(b - c) if bisected else abs(c - d)
        if not low < s < high or abs(s - b) >= previous / 2 or previous < tol:
            s, bisected = (a + b) / 2, True
        else:
            bisected = False
        fs = f(s)
        d, c, fc = c, b, fb
        if fa * fs < 0:
            b, fb = s, fs
        else:
            a, fa = s, fs
        if abs(fa) < abs(fb):
            a, b, fa, fb = b, a, fb, fa
    return b - f(b) / ((1 + p * b) * np.exp(p * b))


def needleman_wunsch(first, second, scores, gap):
    """Score of the best global alignment per pair it matches. Durbin et al., Biological Sequence Analysis, 2.3."""
    n, m = len(first), len(second)
    table = np.zeros((n + 1, m + 1))
    move = np.zeros((n + 1, m + 1), dtype=int)
    for i in range(n + 1):
        table[i, 0] = -gap * i
    for j in range(m + 1):
        table[0, j] = -gap * j
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            options = [
                table[i - 1, j - 1] + scores[first[i - 1], second[j - 1]],
                table[i - 1, j] - gap,
                table[i, j - 1] - gap,
            ]
            best = max(options)
            move[i, j] = options.index(best)
            table[i, j] = best
    i, j, matched = n, m, 0
    while i > 0 and j > 0:
        if move[i, j] == 0:
            matched += 1
            i, j = i - 1, j - 1
        elif move[i, j] == 1:
            i -= 1
        else:
            j -= 1
    return table[n, m] / (1 + matched)


def viterbi(observations, start, transition, emission):
    """Log probability of the most likely path. Rabiner, A tutorial on hidden Markov models (1989)."""
    steps = len(observations)
    score = np.log(start) + np.log(emission[:, observations[0]])
    back = []
    for t in range(1, steps):
        candidates = score[:, None] + np.log(transition)
        back.append(np.argmax(candidates, axis=0))
        score = np.max(candidates, axis=0) + np.log(emission[:, observations[t]])
    path = [int(np.argmax(score))]
    for pointers in reversed(back):
        path.append(pointers[path[-1]])
    path.reverse()
    total = np.log(start[path[0]])
    for t in range(steps):
        total += np.log(emission[path[t], observations[t]])
        if t > 0:
            total += np.log(transition[path[t - 1], path[t]])
    return total


def k_means(points, centres, rounds=4):
    """Lloyd's algorithm; the within-cluster sum of squares. MacKay, Information Theory, ch. 20."""
    for _ in range(rounds):
        distances = np.sqrt(((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2))
        labels = distances.argmin(axis=1)
        for k in range(len(centres)):
            members = points[labels == k]
            if len(members) > 0:
                centres[k] = members.mean(axis=0)
    inertia = 0.0
    for k in range(len(centres)):
        inertia += ((points[labels == k] - centres[k]) ** 2).sum()
    return inertia


def householder_least_squares(A, b):
    """QR by reflections and back substitution. Trefethen & Bau, Numerical Linear Algebra, lectures 10 and 16."""
    R, y = A.copy(), b.copy()
    n = R.shape[1]
    for k in range(n):
        v = R[k:, k].copy()
        v[0] += np.copysign(np.linalg.norm(v), v[0])
        v /= np.linalg.norm(v)
        R[k:, k:] -= 2.0 * np.outer(v, v @ R[k:, k:])
        y[k:] -= 2.0 * v * (v @ y[k:])
    x = np.zeros(n)
    for i in reversed(range(n)):
        x[i] = (y[i] - R[i, i + 1 :] @ x[i + 1 :]) / R[i, i]
    return x


def power_iteration_with_deflation(A, count=2, tol=1e-13):
    """Largest eigenvalues of a symmetric matrix, one after the other. Saad, Numerical Methods for Eigenvalues, 4.1."""
    A = 0.5 * (A + A.T)
    values = []
    for k in range(count):
        v = np.ones(A.shape[0]) / math.sqrt(A.shape[0])
        v[k] += 0.1
        previous = np.inf
        while True:
            w = A @ v
            value = v @ w
            v = w / np.linalg.norm(w)
            if abs(value - previous) < tol:
                break
            previous = value
        values.append(value)
        A = A - value * np.outer(v, v)
    return np.array(values)


def adaptive_simpson(a, b, k, tol=1e-9):
    """Recursive quadrature of exp(-k x) sin(5 x). Lyness, Notes on the adaptive Simpson quadrature routine (1969)."""

    def f(x):
        return math.exp(-k * x) * math.sin(5 * x)

    def simpson(lo, hi):
        return (hi - lo) / 6 * (f(lo) + 4 * f((lo + hi) / 2) + f(hi))

    def refine(lo, hi, whole, eps, depth):
        mid = (lo + hi) / 2
        left, right = simpson(lo, mid), simpson(mid, hi)
        error = left + right - whole
        if abs(error) <= 15 * eps or depth == 0:
            return left + right + error / 15
        return refine(lo, mid, left, eps / 2, depth - 1) + refine(mid, hi, right, eps / 2, depth - 1)

    return refine(a, b, simpson(a, b), tol, 12)


def asian_option(spot, strike, rate, volatility, maturity, normals):
    """Monte Carlo with antithetic paths and given normals. Glasserman, Monte Carlo Methods in Finance, 4.2."""
    paths, steps = normals.shape
    dt = maturity / steps
    drift = (rate - 0.5 * volatility**2) * dt
    payoffs = np.empty(2 * paths)
    for p in range(paths):
        for side, sign in enumerate((1.0, -1.0)):
            price, average = spot, 0.0
            for t in range(steps):
                price *= np.exp(drift + sign * volatility * np.sqrt(dt) * normals[p, t])
                average += (price - average) / (t + 1)
            payoffs[2 * p + side] = max(average - strike, 0.0)
    discounted = np.exp(-rate * maturity) * payoffs
    return discounted.mean(), discounted.std(ddof=1) / math.sqrt(len(payoffs))


def wave_equation(u, velocity, c, dx, dt, steps=12):
    """Leapfrog in three buffers that change places, absorbing on the right. LeVeque, Finite Difference Methods, 10."""
    r = (c * dt / dx) ** 2
    previous = u.copy()
    current = u + dt * velocity
    current[1:-1] += 0.5 * r[1:-1] * (u[2:] - 2 * u[1:-1] + u[:-2])
    following = np.zeros_like(u)
    energy = []
    for step in range(steps):
        following[1:-1] = 2 * current[1:-1] - previous[1:-1]
        following[1:-1] += r[1:-1] * (current[2:] - 2 * current[1:-1] + current[:-2])
        following[0] = 0.0
        k = (c[-1] * dt - dx) / (c[-1] * dt + dx)
        following[-1] = current[-2] + k * (following[-2] - current[-1])
        previous, current, following = current, following, previous
        if step % 3 == 2:
            energy.append(0.5 * np.sum((current - previous) ** 2) / dt**2)
    return current, sum(energy)


def bezier_length(control, pieces=8):
    """Length of a Bezier curve by de Casteljau's algorithm. Farin, Curves and Surfaces for CAGD, ch. 4."""

    def point(t):
        points = list(control)
        while len(points) > 1:
            points = [(1 - t) * a + t * b for a, b in zip(points, points[1:])]
        return points[0]

    polygon = [point(i / pieces) for i in range(pieces + 1)]
    return sum(np.linalg.norm(b - a) for a, b in zip(polygon[:-1], polygon[1:]))


def weighted_edit_distance(first, second, costs):
    """Two rows that change places, with early stop where the words are equal. Jurafsky & Martin, ch. 2."""
    previous = [j * costs["insert"] for j in range(len(second) + 1)]
    for i, a in enumerate(first):
        current = [(i + 1) * costs["delete"]]
        for j, b in enumerate(second):
            change = costs["change"] * abs(a - b) / (1.0 + abs(a - b))
            current.append(min(previous[j] + change, previous[j + 1] + costs["delete"], current[j] + costs["insert"]))
        previous = current
    return previous[-1]


def gaussian_mixture(data, weights, means, variances, tol=1e-4, most=20):
    """Expectation maximisation in one dimension; the log likelihood. Bishop, Pattern Recognition, 9.2."""

    def density(x, mean, variance):
        return np.exp(-0.5 * (x - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)

    likelihood = -np.inf
    for iteration in range(most):
        parts = np.array([w * density(data, m, v) for w, m, v in zip(weights, means, variances)])
        total = parts.sum(axis=0)
        new = np.log(total).sum()
        if iteration > 0 and abs(new - likelihood) < tol * abs(new):
            break
        likelihood = new
        responsibilities = parts / total
        counts = responsibilities.sum(axis=1)
        weights = counts / len(data)
        means = responsibilities @ data / counts
        for k in range(len(counts)):
            variances[k] = responsibilities[k] @ (data - means[k]) ** 2 / counts[k]
    else:
        likelihood = new
    return likelihood


def garch_likelihood(returns, omega, alpha, beta, leverage):
    """Negative log likelihood of a GJR-GARCH(1, 1). Tsay, Analysis of Financial Time Series, 3.5."""
    variance = np.var(returns)
    total = 0.0
    history = {"variance": [], "shock": []}
    for r in returns:
        if variance <= 0:
            return np.inf
        shock = r / np.sqrt(variance)
        history["variance"].append(variance)
        history["shock"].append(shock)
        total += 0.5 * (np.log(2 * np.pi) + np.log(variance) + shock**2)
        variance = omega + (alpha + (leverage if r < 0 else 0.0)) * r**2 + beta * variance
    return total + 0.01 * sum(s**4 for s in history["shock"])


Belief = namedtuple("Belief", "mean cov")


def rts_smoother(measurements, F, Q, H, R, mean, cov):
    """Forward filter, backward Rauch-Tung-Striebel pass. Särkkä, Bayesian Filtering and Smoothing, 8.2."""
    filtered, predicted = [], []
    belief = Belief(mean, cov)
    for z in measurements:
        prior = Belief(F @ belief.mean, F @ belief.cov @ F.T + Q)
        S = H @ prior.cov @ H.T + R
        K = np.linalg.solve(S, H @ prior.cov).T
        belief = Belief(prior.mean + K @ (z - H @ prior.mean), prior.cov - K @ S @ K.T)
        predicted.append(prior)
        filtered.append(belief)
    smoothed = [filtered[-1]]
    for k in range(len(filtered) - 2, -1, -1):
        now, nxt = filtered[k], predicted[k + 1]
        G = np.linalg.solve(nxt.cov, F @ now.cov).T
        last = smoothed[-1]
        smoothed.append(Belief(now.mean + G @ (last.mean - nxt.mean), now.cov + G @ (last.cov - nxt.cov) @ G.T))
    return np.array([b.mean for b in smoothed[::-1]])


def metropolis(start, steps, uniforms, scale):
    """Random walk with given proposals and uniforms on a banana. Gelman et al., Bayesian Data Analysis, 11.2."""

    def log_density(q):
        return -0.5 * (q[0] ** 2 + ((q[1] - q[0] ** 2) / 0.7) ** 2)

    position, current, accepted = start, log_density(start), 0
    chain = np.empty((len(steps), len(start)))
    for i, (step, u) in enumerate(zip(steps, uniforms)):
        proposal = position + scale * step
        candidate = log_density(proposal)
        if math.log(u) < candidate - current:
            position, current = proposal, candidate
            accepted += 1
        chain[i] = position
    return chain.mean(axis=0), accepted / len(steps) * current


@dataclass
class Sphere:
    centre: np.ndarray
    radius: float
    shine: float = field(default=0.4)

    def hit(self, origin, direction):
        to = origin - self.centre
        b = to @ direction
        inside = b * b - (to @ to - self.radius**2)
        if inside < 0:
            return np.inf
        root = np.sqrt(inside)
        for t in (-b - root, -b + root):
            if t > 1e-6:
                return t
        return np.inf


def trace_ray(spheres, origin, direction, light, depth=2):
    """Whitted's recursive ray tracing of a few spheres. Whitted, An improved illumination model (1980)."""
    direction = direction / np.linalg.norm(direction)
    nearest, struck = np.inf, None
    for k, sphere in enumerate(spheres):
        t = sphere.hit(origin, direction)
        if t < nearest:
            nearest, struck = t, k
    if struck is None:
        return 0.2 + 0.1 * direction[2]
    sphere = spheres[struck]
    point = origin + nearest * direction
    normal = (point - sphere.centre) / sphere.radius
    to_light = (light - point) / np.linalg.norm(light - point)
    colour = 0.1 + max(normal @ to_light, 0.0)
    if depth > 0:
        mirrored = direction - 2 * (direction @ normal) * normal
        colour = (1 - sphere.shine) * colour + sphere.shine * trace_ray(spheres, point, mirrored, light, depth - 1)
    return colour


def cantilever(lengths, stiffness, load):
    """Euler-Bernoulli beam elements assembled and solved. Zienkiewicz & Taylor, The Finite Element Method, vol. 1."""
    elements = len(lengths)
    K = np.zeros((2 * elements + 2, 2 * elements + 2))
    for e, (L, EI) in enumerate(zip(lengths, stiffness)):
        local = EI / L**3 * np.array([
            [12, 6 * L, -12, 6 * L],
            [6 * L, 4 * L**2, -6 * L, 2 * L**2],
            [-12, -6 * L, 12, -6 * L],
            [6 * L, 2 * L**2, -6 * L, 4 * L**2],
        ])  # fmt: skip
        dofs = [2 * e, 2 * e + 1, 2 * e + 2, 2 * e + 3]
        K[np.ix_(dofs, dofs)] += local
    free = np.arange(2, 2 * elements + 2)
    force = np.zeros(2 * elements + 2)
    force[-2] = load
    deflection = np.zeros_like(force)
    deflection[free] = np.linalg.solve(K[np.ix_(free, free)], force[free])
    return deflection[-2], deflection @ K @ deflection / 2


def gray_scott(u, v, feed, kill, steps=6):
    """Reaction and diffusion with periodic neighbours. Pearson, Complex patterns in a simple system (1993)."""

    def laplacian(w):
        total = -4 * w
        for axis in (0, 1):
            for shift in (1, -1):
                total += np.roll(w, shift, axis=axis)
        return total

    for step in range(steps):
        reaction = u * v * v
        u += 0.16 * laplacian(u) - reaction + feed * (1 - u)
        v += 0.08 * laplacian(v) + reaction - (feed + kill) * v
        if step % 2:
            v[v < 0.01] = 0.0
            u = np.clip(u, 0.0, 1.0)
    return (v**2).mean()


def levenberg_marquardt(times, values, parameters, tol=1e-12, most=4):
    """Damped least squares for a decay. Madsen, Nielsen & Tingleff, Methods for Non-Linear Least Squares (2004)."""
    state = {"damping": 1e-2, "tried": 0, "cost": None}

    def residuals(p):
        return p[0] * np.exp(-p[1] * times) + p[2] - values

    def jacobian(p):
        decay = np.exp(-p[1] * times)
        return np.column_stack([decay, -p[0] * times * decay, np.ones_like(times)])

    r = residuals(parameters)
    state["cost"] = r @ r
    while state["tried"] < most:
        state["tried"] += 1
        J = jacobian(parameters)
        gradient = J.T @ r
        if np.max(np.abs(gradient)) < tol:
            break
        normal = J.T @ J
        step = np.linalg.solve(normal + state["damping"] * np.diag(np.diag(normal)), -gradient)
        trial = residuals(parameters + step)
        if trial @ trial < state["cost"]:
            parameters, r = parameters + step, trial
            state["cost"] = trial @ trial
            state["damping"] /= 10
        else:
            state["damping"] *= 10
    return parameters


def _cases() -> tuple[Published, ...]:
    rng = np.random.default_rng(41)
    rows = lambda *shape: (lambda p: p / p.sum(axis=-1, keepdims=True))(rng.uniform(0.2, 1.0, shape))
    clusters = np.concatenate([rng.normal(size=(5, 2)) + 2 * k for k in (-1, 0, 1)])
    symmetric = rng.normal(size=(5, 5))
    scene = [
        Sphere(np.array([0.0, 0.0, 3.0]), 1.0),
        Sphere(np.array([1.2, 0.3, 2.2]), 0.5, 0.3),
        Sphere(np.array([-1.0, -0.6, 4.0]), 0.8),
    ]
    times = np.linspace(0.0, 3.0, 12)
    decay = 2.0 * np.exp(-1.3 * times) + 0.5 + 0.05 * rng.normal(size=12)
    small = 0.1 * rng.normal(size=(3, 3))
    return (
        Published(fft_power_spectrum, (rng.normal(size=8),), (0,)),
        Published(brent_root, (0.8, 0.1, 1.5), (0,)),
        Published(
            needleman_wunsch,
            (rng.integers(0, 4, 6), rng.integers(0, 4, 7), rng.normal(size=(4, 4)) + 2 * np.eye(4), 0.7),
            (2, 3),
        ),
        Published(viterbi, (rng.integers(0, 4, 7), rows(3), rows(3, 3), rows(3, 4)), (1, 2, 3)),
        Published(k_means, (clusters, clusters[[1, 6, 12]] + 0.1), (0, 1)),
        Published(householder_least_squares, (rng.normal(size=(6, 4)), rng.normal(size=6)), (0, 1)),
        Published(
            power_iteration_with_deflation, (symmetric @ symmetric.T + np.diag([9.0, 5.0, 1.0, 0.5, 0.2]),), (0,)
        ),
        Published(adaptive_simpson, (0.1, 1.9, 0.7), (0, 1, 2)),
        Published(asian_option, (10.0, 9.5, 0.03, 0.25, 1.0, rng.normal(size=(6, 5))), (0, 1, 2, 3, 4)),
        Published(
            wave_equation, (rng.normal(size=12), rng.normal(size=12), rng.uniform(0.5, 1, 12), 1.0, 0.5),
            (0, 1, 2, 3, 4),
        ),
        Published(bezier_length, (rng.normal(size=(4, 2)),), (0,)),
        Published(
            weighted_edit_distance,
            (rng.normal(size=5), rng.normal(size=6), {"insert": 0.4, "delete": 0.55, "change": 1.3}),
            (0, 1, 2),
        ),
        Published(
            gaussian_mixture,
            (rng.normal(size=14) + 2.0 * (np.arange(14) % 2), np.array([0.4, 0.6]), np.array([-0.5, 1.5]), np.ones(2)),
            (0, 1, 2, 3),
        ),
        Published(garch_likelihood, (0.1 * rng.normal(size=20), 0.002, 0.08, 0.85, 0.05), (0, 1, 2, 3, 4)),
        Published(
            rts_smoother,
            (
                rng.normal(size=(5, 2)), np.eye(3) + 0.1 * rng.normal(size=(3, 3)), 0.2 * np.eye(3) + small @ small.T,
                rng.normal(size=(2, 3)), 0.3 * np.eye(2), rng.normal(size=3), np.eye(3),
            ),
            (0, 1, 2, 3, 4, 5, 6),
        ),
        Published(
            metropolis, (np.array([0.3, 0.4]), rng.normal(size=(12, 2)), rng.uniform(0.05, 0.95, 12), 0.6), (0, 1, 3)
        ),
        Published(
            trace_ray, (scene, np.array([0.1, 0.05, -1.0]), np.array([0.05, 0.02, 1.0]), np.array([2.0, 3.0, -1.0])),
            (0, 1, 2, 3),
        ),
        Published(cantilever, (rng.uniform(0.5, 1.0, 4), rng.uniform(1.0, 2.0, 4), 0.7), (0, 1, 2)),
        Published(gray_scott, (rng.uniform(0.5, 1, (5, 6)), rng.uniform(0.1, 0.4, (5, 6)), 0.035, 0.06), (0, 1, 2, 3)),
        Published(levenberg_marquardt, (times, decay, np.array([1.5, 1.0, 0.3])), (0, 1, 2)),
    )  # fmt: skip


PUBLISHED_LANGUAGE = {case.function.__name__: case for case in _cases()}
