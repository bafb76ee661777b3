// What a run or the agent has printed, from its end upwards, a piece at a time.

import { get } from "./api.js";
import { make, say } from "./dom.js";

export function outputs(found) {
  if (!found.logs.length) return null;
  return make("section", make("h3", "What was printed"), found.logs.map((log) => one(found.number, log)));
}

function one(number, log) {
  const text = make("pre.output", { tabindex: "0", role: "region", "aria-label": log.of });
  const earlier = make("button.quiet.small", { type: "button", hidden: "" }, "Earlier");
  const later = make("button.quiet.small", { type: "button", hidden: "" }, "To the end");
  const words = make("span.hint", { role: "status" });
  const details = make("details", make("summary", log.of), make("div.row", earlier, later, words), text);
  let start = null;

  // One piece is shown at a time, so that a very long output stays light.
  async function show(end) {
    try {
      const piece = await get(`experiments/${number}/outputs/${log.name}`, { end });
      start = piece.start;
      text.textContent = piece.text || "(nothing)";
      earlier.hidden = start === 0;
      later.hidden = end === null;
      say(words, start || end !== null ? `from byte ${start.toLocaleString("en")} of ${piece.size.toLocaleString("en")}` : "");
      if (end === null) text.scrollTop = text.scrollHeight;
    } catch (error) {
      text.textContent = error.message;
    }
  }

  details.addEventListener("toggle", () => details.open && start === null && show(null));
  earlier.addEventListener("click", () => show(start));
  later.addEventListener("click", () => show(null));
  return details;
}
