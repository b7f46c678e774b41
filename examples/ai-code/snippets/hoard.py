def main(prices):
    """Keeps every step of the way, for ever."""
    steps = []
    while True:
        steps.append(list(prices) * 10_000)
