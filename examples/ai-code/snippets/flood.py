def main(prices):
    """Answers with far more than was asked for."""
    return "The total is " + " and then some" * 100_000
