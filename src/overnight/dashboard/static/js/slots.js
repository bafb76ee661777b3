// What each slot is at: a countdown, and the end of what is being printed.

import { $, make, say, show } from "./dom.js";
import { sure, wish } from "./wishes.js";
import { duration } from "./words.js";

const cards = new Map();
let slots = [];
let ahead = 0; // How far this machine's clock is ahead of the session's, milliseconds.

export function showNow(now) {
  if (now.clock) ahead = Date.now() - now.clock * 1000;
  slots = now.slots.filter((slot) => slot.step !== "approving"); // That has a card of its own.
  for (const [name, card] of cards) {
    if (!slots.some((slot) => slot.slot === name)) {
      card.root.remove();
      cards.delete(name);
    }
  }
  for (const slot of slots) draw(cards.get(slot.slot) ?? add(slot.slot), slot);
  tick();
}

function add(name) {
  const card = {
    what: make("h2.slot-what"),
    left: make("span.slot-left"),
    idea: make("p.slot-idea"),
    bar: make("div.bar", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, make("span.fill")),
    tail: make("pre.tail", { tabindex: "0", role: "region", "aria-label": "The end of what it prints" }),
  };
  const head = make("div.slot-head", card.what, card.left);
  card.end = make("button.danger", { type: "button" }, "End this trial…");
  card.end.addEventListener("click", () => end(card));
  card.root = make("article.card.slot", head, card.idea, card.bar, card.end, card.tail);
  cards.set(name, card);
  $("slots").append(card.root);
  return card;
}

// What people meet beside the present version, and whose counts are looked at from time to time.
const isOut = (slot) => slot.step === "waiting";

async function end({ end: button, number }) {
  const words = "People meet the present version alone from then on. This trial is not gone on with; what it has counted is kept.";
  if (await sure(`End the trial of experiment ${number}?`, words, "End it")) wish(button, "take_back", number);
}

function draw(card, slot) {
  const about = slot.number ? `Experiment ${slot.number}: ` : "";
  say(card.what, `${about}${slot.words}`);
  say(card.idea, slot.hypothesis);
  show(card.idea, Boolean(slot.hypothesis));
  show(card.bar, slot.budget !== null);
  card.number = slot.number;
  card.bar.setAttribute("aria-label", isOut(slot) ? "Time until the next look" : "Time of this run");
  show(card.end, isOut(slot) && slot.number > 0);
  show(card.tail, Boolean(slot.tail));
  const atEnd = card.tail.scrollTop + card.tail.clientHeight >= card.tail.scrollHeight - 8;
  say(card.tail, slot.tail);
  if (atEnd) card.tail.scrollTop = card.tail.scrollHeight;
}

export function tick() {
  for (const slot of slots) {
    const card = cards.get(slot.slot);
    const spent = Math.max(0, (Date.now() - ahead) / 1000 - slot.since);
    if (slot.budget === null) {
      say(card.left, duration(Math.floor(spent)));
      continue;
    }
    // The countdown is the budget's; start-up and scoring may take a run past it, up to its hard limit.
    const over = spent > slot.budget;
    const limit = slot.limit ? `, ended at ${duration(slot.limit)}` : "";
    if (isOut(slot)) say(card.left, over ? "now" : `in ${duration(Math.ceil(slot.budget - spent))}`);
    else say(card.left, over ? `${duration(Math.floor(spent - slot.budget))} past the budget${limit}` : `${duration(Math.ceil(slot.budget - spent))} left`);
    const part = Math.min(spent / slot.budget, 1);
    card.bar.firstElementChild.style.transform = `scaleX(${part.toFixed(4)})`;
    card.bar.setAttribute("aria-valuenow", String(Math.round(100 * part)));
    card.bar.classList.toggle("over", over && !isOut(slot));
  }
}
