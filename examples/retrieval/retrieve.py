"""Ranks the documents for every query, and writes the best ten of each. This is the one file that may be edited.

    python retrieve.py       reads data/, writes rankings.json

A document and a query are bags of weighted terms, and BM25 says how well they fit. Everything that is counted is
NumPy: for each term an array of the documents that have it, and one of what it is worth there.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # one thread, set before NumPy loads, so that every run gives the same numbers
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

SPLIT_NAMES = False  # get_header and getHeader are also the words get and header
STEMMING = "none"  # try: none, plural, endings
SHORTEST = 2  # letters of a term
COMMONEST = 0.5  # terms that are in a larger part of the documents are left out
USE_PAIRS = False  # two terms in a row are a term of their own, too
PAIR_WEIGHT = 0.5

# How often a term counts that occurs once, in each part of a document
NAME_WEIGHT = 1.0
AROUND_WEIGHT = 1.0  # the module and the class that it is in
PARAMETER_WEIGHT = 1.0
TEXT_WEIGHT = 1.0

# BM25
K1 = 1.2  # the higher, the more it counts that a term occurs again and again
B = 0.75  # 1 makes up for a document's length, 0 does not
IDF_POWER = 1.0  # the higher, the more rare terms count

_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*|\d+")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ers", "ies", "ed", "er", "es", "ly", "s")

Terms = dict[str, float]


def stem(word: str) -> str:
    """The word without its ending, as far as STEMMING goes."""
    if STEMMING == "plural":
        return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
    if STEMMING == "endings":
        ending = next((each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) >= 3), "")
        word = word.removesuffix(ending)
        return word.removesuffix("e") if len(word) > 3 else word
    return word


def terms_of(text: str) -> Counter[str]:
    """How often each term is in a text."""
    words: list[str] = []
    for name in _WORD.findall(text):
        parts = _PART.findall(name) if SPLIT_NAMES else []
        words += [name, *parts] if len(parts) > 1 else [name]
    terms = [stem(word.lower()) for word in words if len(word) >= SHORTEST]
    counts = Counter(terms)
    if USE_PAIRS:
        for pair in pairwise(terms):
            counts[" ".join(pair)] += PAIR_WEIGHT
    return counts


def terms_of_document(document: dict[str, str]) -> Terms:
    """The terms of its parts, each as often as the part is worth."""
    around, _, name = document["name"].rpartition(".")
    parts = (
        (NAME_WEIGHT, name),
        (AROUND_WEIGHT, around.replace(".", " ")),
        (PARAMETER_WEIGHT, document["parameters"]),
        (TEXT_WEIGHT, document["text"]),
    )
    found: Terms = defaultdict(float)
    for weight, text in parts:
        if weight:
            for term, count in terms_of(text).items():
                found[term] += weight * count
    return found


class Index:
    """For each term the documents that have it, and what it is worth there."""

    def __init__(self, documents: list[dict[str, str]]) -> None:
        bags = [terms_of_document(document) for document in documents]
        self.size = len(bags)
        self.numbers: dict[str, int] = {}
        for bag in bags:
            for term in bag:
                self.numbers.setdefault(term, len(self.numbers))
        term = np.array([self.numbers[each] for bag in bags for each in bag], dtype=np.int64)
        count = np.array([each for bag in bags for each in bag.values()])
        document = np.repeat(np.arange(self.size), [len(bag) for bag in bags])
        having = np.bincount(term, minlength=len(self.numbers))
        idf = np.log(1 + (self.size - having + 0.5) / (having + 0.5)) ** IDF_POWER
        idf[having > COMMONEST * self.size] = 0
        length = np.bincount(document, count, minlength=self.size)
        slope = K1 * (1 - B + B * length / length.mean())
        weight = idf[term] * count * (K1 + 1) / (count + slope[document])
        by_term = np.argsort(term, kind="stable")
        self.starts = np.concatenate([[0], np.cumsum(having)])
        self.documents, self.weights = document[by_term], weight[by_term]

    def search(self, query: Terms) -> list[int]:
        """The best documents, the best first; of equals, the earlier."""
        scores = np.zeros(self.size)
        for term, weight in query.items():
            number = self.numbers.get(term)
            if number is not None:
                place = slice(self.starts[number], self.starts[number + 1])
                scores[self.documents[place]] += weight * self.weights[place]
        best = np.argsort(-scores, kind="stable")[:10]
        return [int(document) for document in best if scores[document] > 0]


def read(name: str) -> Any:
    path = Path(__file__).parent / "data" / name
    if not path.is_file():
        raise SystemExit(f"retrieve.py: there is no data/{name}; run `python prepare.py` first")
    return json.loads(path.read_bytes())


def rankings(documents: list[dict[str, str]], queries: Iterable[dict[str, str]]) -> list[list[int]]:
    """For each query, the numbers of the documents that answer it best."""
    index = Index(documents)
    return [index.search(dict(terms_of(query["text"]))) for query in queries]


def main() -> None:
    found = rankings(read("documents.json"), read("queries.json"))
    folder = Path(os.environ.get("OVERNIGHT_ARTIFACTS", "artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rankings.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
