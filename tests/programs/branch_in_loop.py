"""Huber's (1964) robust loss, with a real branch on data inside a loop."""


def branch_in_loop(x, y, delta):
    """Sum of Huber losses of x - y, float[n]; quadratic within delta, linear outside."""
    total = 0.0
    for i in range(x.shape[0]):
        r = x[i] - y[i]
        if r > delta:
            loss = delta * (r - 0.5 * delta)
        elif r < -delta:
            loss = delta * (-r - 0.5 * delta)
        else:
            loss = 0.5 * r * r
        total += loss
    return total
