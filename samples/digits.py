"""A two-layer network on the handwritten digits of scikit-learn: plain NumPy, trained with a derivative it is given."""

import sys
import time

import numpy as np
from sklearn.datasets import load_digits

import gradscribe as gs


def loss(params, images, labels):
    """Mean cross-entropy of a two-layer network, with a little weight decay."""
    hidden = np.tanh(images @ params["w1"] + params["b1"])
    scores = hidden @ params["w2"] + params["b2"]
    scores = scores - np.max(scores, axis=1, keepdims=True)
    log_normaliser = np.log(np.sum(np.exp(scores), axis=1))
    chosen = scores[np.arange(images.shape[0]), labels]
    decay = np.sum(params["w1"] ** 2) + np.sum(params["w2"] ** 2)
    return np.mean(log_normaliser - chosen) + 1e-4 * decay


def accuracy(params, images, labels):
    """The share of images whose highest score is at their label."""
    hidden = np.tanh(images @ params["w1"] + params["b1"])
    return np.mean(np.argmax(hidden @ params["w2"] + params["b2"], axis=1) == labels)


def data():
    """(training images, labels), (test images, labels): 1437 and 360 images of 8 x 8 pixels in [0, 1]."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images, labels = digits.data[order] / 16.0, digits.target[order]
    return (images[:1437], labels[:1437]), (images[1437:], labels[1437:])


def start(hidden=64, seed=1):
    """Parameters before training."""
    rng = np.random.default_rng(seed)
    return {
        "w1": rng.normal(size=(64, hidden)) / 8.0,
        "b1": np.zeros(hidden),
        "w2": rng.normal(size=(hidden, 10)) / np.sqrt(hidden),
        "b2": np.zeros(10),
    }


def train(epochs=40, batch=64, rate=2e-3):
    """Adam; returns (parameters, test accuracy, seconds of compiling, seconds of training)."""
    (images, labels), test = data()
    step = gs.jit(gs.value_and_grad(loss))
    params = start()
    begun = time.perf_counter()
    step(params, images[:batch], labels[:batch])
    compiled = time.perf_counter()
    mean = gs.tree.map(np.zeros_like, params)
    square = gs.tree.map(np.zeros_like, params)
    rng, count = np.random.default_rng(2), 0
    for epoch in range(epochs):
        order, total = rng.permutation(len(labels)), 0.0
        for first in range(0, len(labels) - batch + 1, batch):
            chosen = order[first : first + batch]
            value, gradient = step(params, images[chosen], labels[chosen])
            count += 1
            mean = gs.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
            square = gs.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, gradient)
            size = rate * np.sqrt(1.0 - 0.999**count) / (1.0 - 0.9**count)
            params = gs.tree.map(lambda p, m, v, size=size: p - size * m / (np.sqrt(v) + 1e-8), params, mean, square)
            total += value
        show_progress(epoch + 1, epochs, f"loss {total / (len(labels) // batch):.4f}")
    finished = time.perf_counter()
    return params, accuracy(params, *test), compiled - begun, finished - compiled


def show_progress(done, total, note):
    """A bar on one line, drawn again at each call."""
    width = 30
    filled = "#" * (width * done // total)
    end = "\n" if done == total else "\r"
    print(f"  [{filled:<{width}}] {done:3d}/{total}  {note}", end=end, file=sys.stdout, flush=True)
