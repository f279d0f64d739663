"""When a run of STS-B left the plateau of the mean score, whose loss is the scores' variance, 2.1."""

WINDOW, BOUND = 50, 1.6


def left_plateau(losses):
    """The first step at which the mean of the last WINDOW losses is below BOUND; None where there is none."""
    return next((step for step in range(WINDOW, len(losses) + 1) if sum(losses[step - WINDOW : step]) / WINDOW < BOUND), None)
