// A person's say: what is asked, whether it waits, was done or was refused, and what stands until it is withdrawn.

import { ask } from "./api.js";
import { $, make, say, show } from "./dom.js";
import { clock } from "./words.js";

const WAITS = {
  pause: "Pause asked for; it pauses after what is under way",
  resume: "Resume asked for",
  finish: "Stop asked for; it stops after this experiment",
  take_back: "Take back",
  hint: "Suggestion",
  pin: "Pin",
  forbid: "Forbid",
  withdraw: "Withdraw",
  approve: "Approve",
  reject: "Turn down",
};
const STANDS = { hint: "For the next brief", pin: "Pinned", forbid: "Forbidden" };
let wishes = { waiting: [], written: [], standing: [] };
let atWork = false;
let question = new AbortController();

export function start() {
  for (const button of document.querySelectorAll("#controls button")) {
    button.addEventListener("click", () => wish(button, button.dataset.act));
  }
  const form = $("hint-form");
  for (const button of form.querySelectorAll("button")) {
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      if (!$("hint").value.trim()) {
        say($("said"), "Write down what to try first.");
        $("hint").focus();
        return;
      }
      if (await wish(button, button.dataset.act, null, $("hint").value)) $("hint").value = "";
    });
  }
}

// Asks, and says so. The button is of no use until the answer is there.
export async function wish(button, act, number = null, text = "") {
  button.disabled = true;
  try {
    await ask(act, number, text);
    say($("said"), atWork ? "Asked; the session takes note of it after what is under way." : "Asked; the session takes note of it when it goes on.");
    return true;
  } catch (error) {
    say($("said"), `Not possible: ${error.message}.`);
    fail(button, error.message);
    return false;
  } finally {
    button.disabled = false;
    showControls();
  }
}

function fail(button, words) {
  const place = button.closest("dialog")?.querySelector(".said");
  if (place) say(place, `Not possible: ${words}.`);
}

export function showSummary(summary) {
  atWork = summary.at_work;
  showWishes(wishes);
}

export function showWishes(news) {
  wishes = news;
  const standing = news.standing.map((one) => {
    const button = make("button.quiet.small", { type: "button", "aria-label": `Withdraw: ${about(one)}` }, "Withdraw");
    button.addEventListener("click", () => wish(button, "withdraw", null, one.request));
    const leaves = news.waiting.some((other) => other.act === "withdraw" && other.text === one.request);
    return make("li", make(`span.tag.t-${one.act}`, STANDS[one.act]), make("span.what", about(one)),
      leaves ? make("span.hint", "to be withdrawn") : button);
  });
  fill("standing", standing);
  const when = atWork ? "waits" : "waits for the session to go on";
  const waiting = news.waiting.map((one) => make("li", make("span.tag.t-waits", when), make("span.what", asked(one))));
  const written = news.written.slice(0, 8).map((one) => make("li",
    make(one.refused ? "span.tag.t-refused" : "span.tag.t-done", one.refused ? "refused" : "done"),
    make("span.what", one.words), make("span.hint", clock(one.time))));
  fill("asked", [...waiting, ...written]);
  showControls();
}

// Which lists show: replaced only when they changed, so that the focus stays where it is.
const shown = { standing: "", asked: "" };
function fill(name, items) {
  const text = JSON.stringify(items.map((item) => item.textContent));
  show($(`${name}-title`), items.length > 0);
  if (shown[name] === text) return;
  shown[name] = text;
  $(name).replaceChildren(...items);
}

function showControls() {
  for (const button of document.querySelectorAll("#controls button")) {
    const waits = wishes.waiting.some((one) => one.act === button.dataset.act);
    button.disabled = waits;
    button.classList.toggle("waits", waits);
    say(button, waits ? { pause: "Pausing…", resume: "Resuming…", finish: "Stopping after this one…" }[button.dataset.act]
      : { pause: "Pause", resume: "Resume", finish: "Stop after this one" }[button.dataset.act]);
  }
}

const about = (one) => [one.number !== null ? `experiment ${one.number}` : "", one.text].filter(Boolean).join(": ");
const asked = (one) => [WAITS[one.act], one.act === "withdraw" ? "" : about(one)].filter(Boolean).join(": ");

// A question with two answers; true for yes. One that is asked the moment the last was closed takes its place: the
// browser tells of the closing a little later, and that must not be taken for the new one's answer.
export function sure(title, words, yes, kind = "danger") {
  question.abort();
  question = new AbortController();
  const dialog = $("sure");
  $("sure-yes").className = kind;
  say($("sure-title"), title);
  say($("sure-words"), words);
  say($("sure-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  $("sure-no").focus();
  return new Promise((resolve) => {
    const answered = () => dialog.open || resolve(dialog.returnValue === "yes");
    dialog.addEventListener("close", answered, { signal: question.signal });
  });
}
