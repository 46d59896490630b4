"""What judging costs by how many listings are read together and how cores share the work, side by side.

    python benchmarks/judge_batches.py [--listings 48] [--sizes 16,8,4,2] [--mode direct] [--threads 2] [--json]

The shipped model rates the same test listings of the built-in corpus with each batch size in turn, in one process,
after two listings that do not count: once with all cores on every matrix product, once with a batch for each core. The
ratio is to the first row. Decisions are compared: they must not depend on any of it.
"""

from __future__ import annotations

import argparse
import json
import time

import torch

from modsmith.corpus import load_corpus, of_split
from modsmith.judge import Judge
from modsmith.policy import load_policy
from modsmith.training.plan import take_units


class OneBatchAtATime(Judge):
    """All cores on every matrix product, as PyTorch does it."""

    _cores = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listings", type=int, default=48)
    parser.add_argument("--sizes", default="16,8,4,2")
    parser.add_argument("--mode", choices=("direct", "think"), default="direct")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    policy = load_policy()
    test = take_units(of_split(load_corpus("written", policy), "test"), options.listings)
    listings = [example.listing for example in test]
    rows, decisions = [], set()
    for size in map(int, options.sizes.split(",")):
        for kind in (OneBatchAtATime, Judge):
            judge = kind.load("shipped", policy, options.mode, size)
            judge.rate(listings[:2])
            start = time.perf_counter()
            verdicts = judge.rate(listings)
            seconds = time.perf_counter() - start
            rows.append({"batch_size": size, "batch_per_core": kind is Judge, "seconds": seconds})
            decisions.add(tuple(verdict.decision for verdict in verdicts))
    for row in rows:
        row["speedup"] = rows[0]["seconds"] / row["seconds"]
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        how = "a batch a core" if row["batch_per_core"] else "cores share one"
        print(f"{row['batch_size']:4d} together, {how}: {row['seconds']:6.1f} s, {row['speedup']:.2f} times")
    print("decisions agree" if len(decisions) == 1 else "decisions differ between the rows")


if __name__ == "__main__":
    main()
