// Who thinks beside the runs: a line each, which opens to the end of what they say.

import { $, make, say, show } from "./dom.js";
import { count, duration } from "./words.js";

const lines = new Map();
let most = 0; // The list never gets shorter while the session is at work, so that nothing below it jumps.

export function showThoughts(now) {
  const list = $("thinkers");
  const thoughts = new Map(now.thinking.map((thought) => [`${thought.step} ${thought.number}`, thought]));
  for (const [name, line] of lines) {
    if (!thoughts.has(name)) {
      line.root.remove();
      lines.delete(name);
    }
  }
  for (const [name, thought] of thoughts) draw(lines.get(name) ?? add(name), thought);
  const waits = now.places > 1 && now.waiting ? `${count(now.waiting, "proposal")} ready for the next free slot` : "";
  say($("thinkers-wait"), waits);
  show($("thinkers-wait"), Boolean(waits));
  list.append($("thinkers-wait"));
  const isAtWork = now.slots.length || now.places > 1 || thoughts.size;
  most = isAtWork ? Math.max(most, thoughts.size + (waits ? 1 : 0)) : 0;
  list.style.minHeight = `${most * 2}rem`;
  show(list, most > 0);
}

export function tick(now) {
  for (const { left, since } of lines.values()) say(left, duration(Math.floor(Math.max(0, now - since))));
}

function add(name) {
  const line = { words: make("span"), left: make("span.slot-left"), tail: make("pre.tail", { tabindex: "0", role: "region" }) };
  const details = make("details", make("summary", line.words, " ", line.left), line.tail);
  details.addEventListener("toggle", () => (line.tail.scrollTop = line.tail.scrollHeight));
  line.root = make("li", details);
  lines.set(name, line);
  $("thinkers").append(line.root);
  return line;
}

function draw(line, thought) {
  const about = thought.step === "proposing" ? ` about experiment ${thought.number}` : "";
  line.since = thought.since;
  say(line.words, thought.words + about);
  line.tail.setAttribute("aria-label", `The end of what is said about experiment ${thought.number}`);
  say(line.tail, thought.tail || "(nothing yet)");
}
