"""A step in Python. Its parameters come from the pipeline's `with`, by name; what it returns is the step's output, as JSON.

Next: write your own `main`, and `wasmill run` again. `import` finds the standard library, and files beside this one in a folder.
"""


def main(price: float, quantity: int) -> dict:
    if quantity < 1:
        # The step fails with these words.
        raise ValueError("there is nothing to pay for")
    total = round(price * quantity, 2)
    # To the log, never into the output.
    print(f"{quantity} at {price}")
    return {"total": total, "each": price, "quantity": quantity}
