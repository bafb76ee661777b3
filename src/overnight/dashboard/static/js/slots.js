// What each slot is at: a countdown, and the end of what is being printed. With several slots each keeps its card, also
// while it is free, and no card changes its size: nothing jumps when a run ends.

import { $, make, say, show } from "./dom.js";
import * as thinkers from "./thinkers.js";
import { sure, wish } from "./wishes.js";
import { duration } from "./words.js";

const cards = new Map();
let at = new Map(); // What each slot is at, by its number.
let ahead = 0; // How far this machine's clock is ahead of the session's, milliseconds.

export function showNow(now) {
  if (now.clock) ahead = Date.now() - now.clock * 1000;
  const isSeveral = now.places > 1;
  const slots = now.slots.filter((slot) => slot.step !== "approving"); // That has a card of its own.
  at = new Map(slots.map((slot) => [slot.slot ?? 0, slot]));
  const wanted = isSeveral ? [...Array(now.places).keys()] : [...at.keys()];
  $("slots").classList.toggle("several", isSeveral);
  for (const [name, card] of cards) {
    if (!wanted.includes(name)) {
      card.root.remove();
      cards.delete(name);
    }
  }
  for (const name of wanted) draw(cards.get(name) ?? add(name), at.get(name), isSeveral ? name : null);
  thinkers.showThoughts(now);
  tick();
}

function add(name) {
  const card = {
    what: make("h2.slot-what"),
    left: make("span.slot-left"),
    words: make("p.slot-words"),
    idea: make("p.slot-idea"),
    bar: make("div.bar", { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, make("span.fill")),
    tail: make("pre.tail", { tabindex: "0", role: "region" }),
  };
  const head = make("div.slot-head", card.what, card.left);
  card.end = make("button.danger", { type: "button" }, "End this trial…");
  card.end.addEventListener("click", () => end(card));
  card.root = make("article.card.slot", head, card.words, card.idea, card.bar, card.end, card.tail);
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

// `place`: the slot's number where there are several; what it is at is undefined where it is free.
function draw(card, slot, place) {
  const about = slot?.number ? `Experiment ${slot.number}` : "";
  if (place === null) say(card.what, about ? `${about}: ${slot.words}` : slot.words);
  else say(card.what, about ? `Slot ${place}: experiment ${slot.number}` : `Slot ${place}`);
  say(card.words, place === null ? "" : slot?.words ?? "free");
  say(card.idea, slot?.hypothesis ?? "");
  const hasBudget = Boolean(slot) && slot.budget !== null;
  // What is not there keeps its place in the cards of several slots.
  keep(card.idea, Boolean(slot?.hypothesis), place);
  keep(card.bar, hasBudget, place);
  keep(card.tail, Boolean(slot?.tail), place);
  card.number = slot?.number;
  card.bar.setAttribute("aria-label", slot && isOut(slot) ? "Time until the next look" : place === null ? "Time of this run" : `Time of the run in slot ${place}`);
  card.tail.setAttribute("aria-label", place === null ? "The end of what it prints" : `The end of what slot ${place} prints`);
  show(card.end, Boolean(slot) && isOut(slot) && slot.number > 0);
  const atEnd = card.tail.scrollTop + card.tail.clientHeight >= card.tail.scrollHeight - 8;
  say(card.tail, slot?.tail ?? "");
  if (atEnd) card.tail.scrollTop = card.tail.scrollHeight;
}

function keep(element, isThere, place) {
  show(element, isThere || place !== null);
  element.classList.toggle("blank", !isThere);
}

export function tick() {
  const now = (Date.now() - ahead) / 1000;
  const isSeveral = $("slots").classList.contains("several");
  for (const [name, card] of cards) tickCard(card, at.get(name), now, isSeveral);
  thinkers.tick(now);
}

function tickCard(card, slot, now, isSeveral) {
  if (!slot) {
    say(card.left, "");
    return;
  }
  const spent = Math.max(0, now - slot.since);
  if (slot.budget === null) {
    say(card.left, duration(Math.floor(spent)));
    return;
  }
  // The countdown is the budget's; start-up and scoring may take a run past it, up to its hard limit.
  const over = spent > slot.budget;
  const seconds = duration(over ? Math.floor(spent - slot.budget) : Math.ceil(slot.budget - spent));
  const limit = slot.limit ? `, ended at ${duration(slot.limit)}` : "";
  if (isOut(slot)) say(card.left, over ? "now" : `in ${seconds}`);
  else if (isSeveral) say(card.left, over ? `${seconds} over` : seconds); // There is little room, and a bar.
  else say(card.left, over ? `${seconds} past the budget${limit}` : `${seconds} left`);
  const part = Math.min(spent / slot.budget, 1);
  card.bar.firstElementChild.style.transform = `scaleX(${part.toFixed(4)})`;
  card.bar.setAttribute("aria-valuenow", String(Math.round(100 * part)));
  card.bar.classList.toggle("over", over && !isOut(slot));
}
