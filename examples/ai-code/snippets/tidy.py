def main(prices: list[float]) -> float:
    """The total of the prices, to the cent."""
    return round(sum(prices), 2)
