"""A stand-in for a language model where there is no key: it learns what labels mean from the prompt alone. Frozen.

    python simulated_model.py        serves it on this machine, for curl and the curious

This is no language model, and what helps it need not help one. It speaks the same language (chat completions over
HTTP), and it can do one thing: choose between the labels that it is told of. For that it compares the mail's words
with all that the prompt says about each label, so a prompt that says more, or says it better, really is better:

- it knows the English of KNOWLEDGE: that a bill and an invoice have to do with payment;
- `label: what it means` in the instructions, and solved mails, are evidence about a label, the later the stronger
  (the order of examples is known to matter to language models: Lu et al. 2022);
- it has taken to some labels before it has read anything, and to the label that it has given last (Zhao et al. 2021);
- what it thinks is drawn by `temperature`, from the request's seed, and a long request distracts it a little.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

KNOWLEDGE = """
payment pay paid money price cost charge charged bill billed invoice bank card fee visa paypal
euro dollar cash sum amount total balance currency tax
refund refunded credit reimburse debit
discount coupon voucher gift sale cheaper
receipt invoice bill statement
instalment rate monthly owe owed reminder
delivery deliver delivered shipping ship shipment parcel package courier carrier driver post
arrive arrived come bring brought sent
tracking track transit warehouse van lorry customs
late delay delayed postponed wait waited overdue
address street house town village home neighbour door
today tomorrow monday tuesday thursday friday saturday sunday week day date
return returned back exchange replacement replace withdraw
broken crack cracked faulty defect scratch piece leaked damaged fault
warranty guarantee repair
wrong mistake error incorrect
unpack unpacked opened box bag packaging
account login profile user sign register registered log member membership
password reset locked link confirm code
newsletter mail email message unsubscribe notification text
data privacy personal delete remove stored
name surname birthday phone number
app website online page laptop update
product item article goods model version
size wide length weight small large fit fits long heavy
instruction instructions manual step set use using
stock available sell sold
wash washing clean dishwasher stain
battery batteries cable charger watt bluetooth light switch
shirt shoes coat jacket trousers clothes boots
chair table lamp bed shelf sofa wardrobe furniture
water waterproof rain windproof outdoor
free made material wool oil
"""
STOP_WORDS = """
a an and are as at be been but by can could did do does for from had has have how i if in is it its me my no not
of on one or our please that the then there this to up was we were what when where which who will with would you
your am any get got so than
"""
_SKIPPED = frozenset(STOP_WORDS.split())
_WORD = re.compile(r"[a-z]+")
_DEFINED = re.compile(r"^[-*\s]*([\w-]+)\s*:\s+(.+)$", re.MULTILINE)
_LISTED = re.compile(r":\s*([\w-]+(?:(?:,\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+)[\w-]+)+)")
_BETWEEN = re.compile(r",\s*(?:or\s+|and\s+)?|\s+or\s+|\s+and\s+")
_ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "ies", "ed", "es", "er", "ly", "s", "y", "e")

SURENESS = 7.0  # how far apart the labels are for it
OF_NAME, OF_DEFINITION, OF_EXAMPLE = 1.5, 1.0, 1.0  # what evidence is worth
FORGETTING = 0.985  # of an example's worth, for each example after it
TASTE, HABIT = 0.6, 0.5
DISTRACTION = 1 / 3000  # per word of the request


def _stem(word: str) -> str:
    ending = next((each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) >= 3), "")
    return word.removesuffix(ending)


_TOPICS: dict[str, list[str]] = {}
for _number, _line in enumerate(KNOWLEDGE.split("\n")):
    for _known in _line.split():
        _TOPICS.setdefault(_stem(_known), []).append(f"#{_number}")


def ideas(text: str) -> Counter[str]:
    """What a text is about: its words without their endings, and what each has to do with."""
    stems = [_stem(word) for word in _WORD.findall(text.lower()) if word not in _SKIPPED]
    return Counter([*stems, *(topic for stem in stems for topic in _TOPICS.get(stem, ()))])


class Reading:
    """What the model makes of one request: the labels that there are, and what is said about each."""

    def __init__(self, messages: list[dict[str, str]]) -> None:
        told = "\n".join(message["content"] for message in messages if message["role"] == "system")
        self.words = sum(len(message["content"].split()) for message in messages)
        *earlier, self.question = messages
        solved = [
            (asked["content"], given["content"].strip().lower())
            for asked, given in pairwise(earlier)
            if asked["role"] == "user" and given["role"] == "assistant"
        ]
        asked = f"{told}\n{self.question['content']}"
        lists = _LISTED.findall(_DEFINED.sub("", asked))
        listed = [name.lower() for each in lists for name in _BETWEEN.split(each)]
        defined = dict(_DEFINED.findall(told))
        self.labels = list(dict.fromkeys([*listed, *(label for _, label in solved)]))
        self.last = solved[-1][1] if solved else ""
        last = len(solved) - 1
        self.evidence = [(label, OF_NAME, ideas(label)) for label in self.labels]
        self.evidence += [(label, OF_DEFINITION, ideas(defined.get(label, ""))) for label in self.labels]
        self.evidence += [
            (label, OF_EXAMPLE * FORGETTING ** (last - place), ideas(mail))
            for place, (mail, label) in enumerate(solved)
        ]

    def leanings(self, model: str) -> dict[str, float]:
        """How much speaks for each label: evidence counts by how like the mail it is."""
        spread = Counter(idea for _, _, known in self.evidence for idea in known)
        weight = {idea: math.log(1 + len(self.evidence) / count) for idea, count in spread.items()}
        mail = ideas(self.question["content"].split("\n\nLabels:")[0])
        found = dict.fromkeys(self.labels, 0.0)
        for label, worth, known in self.evidence:
            found[label] += SURENESS * worth * _likeness(mail, known, weight)
        for label in found:
            found[label] += TASTE * (hashlib.sha256(f"{model}:{label}".encode()).digest()[0] / 255 - 0.5)
        if self.last:
            found[self.last] += HABIT
        return found


def _likeness(mail: Counter[str], known: Counter[str], weight: dict[str, float]) -> float:
    """The cosine between two bags of ideas."""
    shared = sum(weight[idea] ** 2 for idea in mail if idea in known)
    sizes = [math.sqrt(sum(weight.get(idea, 1.0) ** 2 for idea in bag)) for bag in (mail, known)]
    return shared / (sizes[0] * sizes[1]) if shared else 0.0


def answer(body: dict[str, Any]) -> str:
    """What the model says to a request."""
    messages = body["messages"]
    reading = Reading(messages)
    if not reading.labels:
        return "I am not sure what you would like me to do."
    chance = random.Random(f"{body.get('seed')}:{json.dumps(messages)}")
    # Drawn from the softmax of the leanings: the largest of them with Gumbel's noise on top.
    noise = float(body.get("temperature", 1.0)) + reading.words * DISTRACTION
    drawn = {
        label: leaning - noise * math.log(-math.log(1 - chance.random() or 1e-300) or 1e-300)
        for label, leaning in reading.leanings(str(body.get("model"))).items()
    }
    label = max(drawn, key=lambda each: drawn[each])
    told = messages[0]["content"].lower()
    is_brief = reading.last or re.search(r"\b(one|single) word\b|\bnothing else\b|\bonly\b", told)
    return label if is_brief else f"This looks like a mail about {label}, I would say."


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
            said: dict[str, Any] = {
                "object": "chat.completion",
                "model": body["model"],
                "choices": [{"index": 0, "message": {"role": "assistant", "content": answer(body)}}],
            }
            status = 200
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            status, said = 400, {"error": {"message": f"the request cannot be read ({error})"}}
        written = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


@contextmanager
def serving() -> Iterator[str]:
    """The model on a free port of this machine; the URL that OPENAI_BASE_URL would hold."""
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    with serving() as url:
        print(f"OPENAI_BASE_URL={url}   (Ctrl-C ends it)", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
