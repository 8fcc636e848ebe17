"""Whether small photos of one shape are restored faster in one call of the network.

    python benchmarks/serving_batches.py
    python benchmarks/serving_batches.py --model eedtp-ten --sides 64,128 --counts 2,8

Prints the time of one call for each photo by that of one call for all, for each size and number.
`undegrade serve --batch auto` measures the same with 4 photos when a worker starts.
"""

import argparse

from undegrade.inference import Restorer
from undegrade.inference.together import gain_of_batches

GAIN = 1.1  # from which the server takes batches


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resflow-general")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--sides", type=numbers, default=[32, 64, 128, 256])
    parser.add_argument("--counts", type=numbers, default=[2, 4, 8])
    options = parser.parse_args()
    restorer = Restorer.from_pretrained(
        options.model, device=options.device, precision=options.precision
    )
    print(f"{options.model} on {restorer.device} in {restorer.precision}")
    print("side " + "".join(f"{count:>8} photos" for count in options.counts))
    for side in options.sides:
        gains = [gain_of_batches(restorer, side, count) for count in options.counts]
        marks = (f"{gain:>13.2f}{'*' if gain >= GAIN else ' '}" for gain in gains)
        print(f"{side:>4} " + "".join(marks), flush=True)
    print(f"* at least {GAIN}: the server takes batches there")


if __name__ == "__main__":
    main()
