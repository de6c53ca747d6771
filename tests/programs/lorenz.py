"""The Lorenz (1963) system by the classical Runge-Kutta method (RK4), in Python scalars."""


def field(x, y, z, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def lorenz(sigma, rho, beta, steps):
    """A weighted sum of the state after ``steps`` steps of 0.01 from (1, 1, 1)."""
    h = 0.01
    x, y, z = 1.0, 1.0, 1.0
    for step in range(steps):
        k1x, k1y, k1z = field(x, y, z, sigma, rho, beta)
        k2x, k2y, k2z = field(x + h / 2 * k1x, y + h / 2 * k1y, z + h / 2 * k1z, sigma, rho, beta)
        k3x, k3y, k3z = field(x + h / 2 * k2x, y + h / 2 * k2y, z + h / 2 * k2z, sigma, rho, beta)
        k4x, k4y, k4z = field(x + h * k3x, y + h * k3y, z + h * k3z, sigma, rho, beta)
        x += h / 6 * (k1x + 2 * k2x + 2 * k3x + k4x)
        y += h / 6 * (k1y + 2 * k2y + 2 * k3y + k4y)
        z += h / 6 * (k1z + 2 * k2z + 2 * k3z + k4z)
    return 0.5 * x - y + 0.25 * z
