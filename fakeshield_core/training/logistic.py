"""Ridge logistic regression by Newton's method: small, exact, the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


def fitted(
    features: Values, labels: npt.NDArray[np.bool_], weights: Values, ridge: float, steps: int = 50
) -> tuple[float, Values]:
    """Bias and coefficients minimising weighted cross-entropy + ridge/2 |coefficients|².

    Args:
        features: (N, D).
        labels: (N,) True = tampered.
        weights: (N,) of the samples.
        ridge: penalty; the bias is free.
    """
    design = np.column_stack([np.ones(len(features)), features])
    penalty = np.diag([0.0, *[ridge] * features.shape[1]])
    theta = np.zeros(design.shape[1])
    for _ in range(steps):
        probability = 1 / (1 + np.exp(-np.clip(design @ theta, -30, 30)))
        gradient = design.T @ (weights * (probability - labels)) + penalty @ theta
        curvature = design.T @ (design * (weights * probability * (1 - probability))[:, None]) + penalty
        theta = theta - np.linalg.solve(curvature + 1e-9 * np.eye(len(theta)), gradient)
    return float(theta[0]), theta[1:]
