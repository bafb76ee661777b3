"""Measures rankings.json: how near the top the right documents are, as nDCG@10. Frozen.

    python score.py                      the validation queries; this is the number that decides
    python score.py --split held_out     queries that no experiment was chosen by; `overnight verify` runs this

rankings.json is a list with one entry for each query of data/queries.json, in that order: the numbers of at most ten
different documents of data/documents.json, the best first. Nothing else of retrieve.py is looked at.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from pathlib import Path
from typing import Any

DEPTH = 10
LARGEST_FILE = 5_000_000


class BrokenRankingsError(Exception):
    """Why rankings.json cannot be scored, in one sentence."""


def read_rankings(path: Path, queries: int, documents: int) -> list[list[int]]:
    """The rankings in the file, which may hold anything: it was written by a program nobody vouches for."""
    if not path.is_file():
        raise BrokenRankingsError(f"there is no {path}; retrieve.py did not get as far as writing it")
    if path.stat().st_size > LARGEST_FILE:
        raise BrokenRankingsError(f"{path.name} is over {LARGEST_FILE:,} bytes")
    try:
        rankings = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BrokenRankingsError(f"{path.name} is not JSON ({type(error).__name__})") from None
    if not isinstance(rankings, list) or len(rankings) != queries:
        raise BrokenRankingsError(f"{path.name} must be a list with an entry for each of the {queries} queries")
    for query, ranking in enumerate(rankings):
        if not isinstance(ranking, list) or len(ranking) > DEPTH:
            raise BrokenRankingsError(f"query {query} must have a list of at most {DEPTH} documents")
        if not all(type(document) is int and 0 <= document < documents for document in ranking):
            raise BrokenRankingsError(f"query {query} lists something that is no number from 0 to {documents - 1}")
        if len(set(ranking)) < len(ranking):
            raise BrokenRankingsError(f"query {query} lists a document twice")
    return rankings


def ndcg(ranking: list[int], grades: dict[int, int]) -> float:
    """1 where the documents with the highest grades come first, less the further down they are (Järvelin 2002)."""

    def gain(found: list[int]) -> float:
        return math.fsum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(found[:DEPTH]))

    return gain([grades.get(document, 0) for document in ranking]) / gain(sorted(grades.values(), reverse=True))


def read_labels(split: str) -> dict[str, Any]:
    name = "data/train_labels.json" if split == "train" else f"labels/{split}.json"
    path = Path(__file__).parent / name
    if not path.is_file():
        raise SystemExit(f"score.py: there is no {name}; run `python prepare.py` first")
    try:
        labels: dict[str, Any] = json.loads(path.read_bytes())
        is_whole = {"sha256", "queries", "documents"} <= labels.keys() and any(labels["labels"].values())
    except (ValueError, LookupError, AttributeError):
        is_whole = False
    if not is_whole:
        raise SystemExit(f"score.py: {name} is not as `python prepare.py` writes it; run that again")
    return labels


def main() -> None:
    parser = argparse.ArgumentParser(description="nDCG@10 of the rankings; higher is better, 1 is perfect.")
    parser.add_argument("--split", choices=("train", "validation", "held_out"), default="validation")
    split = parser.parse_args().split
    prepared = read_labels(split)
    path = Path(os.environ.get("OVERNIGHT_ARTIFACTS", "artifacts")) / "rankings.json"
    try:
        rankings = read_rankings(path, prepared["queries"], prepared["documents"])
    except BrokenRankingsError as error:
        raise SystemExit(f"score.py: {error}") from None
    asked = {
        int(query): {int(document): grade for document, grade in grades.items()}
        for query, grades in prepared["labels"].items()
    }
    found = [ndcg(rankings[query], grades) for query, grades in asked.items()]
    first = sum(grades.get(next(iter(rankings[query]), -1), 0) == 2 for query, grades in asked.items())
    print(f"scored on the {len(found)} {split} queries of the documents with sha256 {prepared['sha256']}")
    print(f"first: {first}/{len(found)}")
    print(f"ndcg: {math.fsum(found) / len(found):.6f}")


if __name__ == "__main__":
    main()
