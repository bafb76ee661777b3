// The card of a live variant that waits for a person: all that is in it, and the two buttons that decide.

import { ask, get } from "./api.js";
import { diff } from "./diff.js";
import { $, make, say, show } from "./dom.js";
import { current } from "./head.js";
import { sure } from "./wishes.js";
import { clock } from "./words.js";

const NOTHING = { waiting: [], written: [] };
let shown = null; // The experiment that waits.
let gone = null; // The one before, whose outcome the card tells.
let wishes = NOTHING;
let isWhole = false; // All of it was shown, so it can be approved.
let mine = null; // The request that was made here, until it is known what became of it.

const isAbout = (one, number) => one.number === number && (one.act === "approve" || one.act === "reject");

export function start() {
  $("approve").addEventListener("click", async () => {
    const number = shown;
    const words = "They meet it beside the present version until the numbers decide, a guard is broken, or you end it.";
    if (await sure(`Let people meet experiment ${number}?`, words, "Approve it", "main")) decide("approve", number);
  });
  $("reject").addEventListener("click", () => decide("reject", shown));
  $("approval-form").addEventListener("submit", (event) => event.preventDefault());
}

export function showApproval({ number, since }) {
  if (number === shown) return;
  const before = shown;
  shown = number;
  if (number === null) {
    tellOutcome(before);
    return;
  }
  gone = null;
  say($("approval-title"), `Experiment ${number} waits for your approval`);
  say($("approval-since"), `since ${clock(since)}`);
  say($("approval-said"), "");
  $("approval-text").value = "";
  $("approval-all").replaceChildren(make("p.hint", "Looking…"));
  isWhole = false;
  mine = null;
  for (const id of ["approval", "approval-lead", "approval-all", "approval-form"]) show($(id), true);
  buttons();
  fetchAll(number);
}

export function showWishes(news) {
  wishes = news;
  const answer = news.written.find((one) => one.request === mine);
  if (answer?.refused) {
    say($("approval-said"), `Not possible: ${answer.refused}.`);
    mine = null;
  }
  buttons();
}

// A verdict tells more than this card can.
export function changed(rows) {
  if (gone !== null && rows.some((row) => row.number === gone)) show($("approval"), false);
}

async function fetchAll(number) {
  let parts;
  try {
    const found = await get(`variants/${number}`);
    parts = sections(found);
    isWhole = shown === number && found.is_whole;
  } catch (error) {
    parts = [make("p.warning", `It cannot be shown: ${error.message}.`)];
  }
  if (shown !== number) return;
  $("approval-all").replaceChildren(...parts);
  buttons();
}

function sections(found) {
  return [
    make("p.approval-idea", found.hypothesis || "(no hypothesis)", make("span.hint", ` proposed by ${found.proposer}`)),
    make("section", make("h3", "What it changes"), diff(found.patch, "The change")),
    ...found.files.map((file, place) => whole(found.number, file, place)),
  ];
}

function whole(number, file, place) {
  const notes = file.notes.map((note) => make("p.warning", note));
  const text = file.text && make("details", file.has_preview ? {} : { open: "" }, make("summary", `The whole text of ${file.name}`),
    make("pre.output", { tabindex: "0", role: "region", "aria-label": `The whole text of ${file.name}` }, file.text));
  return make("section", make("h3", file.name), notes, file.has_preview && preview(number, file.name, place), text);
}

// The one place where a guest's markup is read as such: the sandbox allows nothing, and the page's own policy even less.
function preview(number, name, place) {
  const source = `preview/${number}/${place}`;
  const frame = make("iframe.preview", { sandbox: "", referrerpolicy: "no-referrer", title: `Preview of ${name}`, src: source });
  const again = make("button.quiet.small", { type: "button", on: { click: () => frame.setAttribute("src", source) } }, "Show the preview again");
  const words = "As people would see it, but without scripts, forms, and whatever it would load from elsewhere.";
  return make("div", frame, make("div.row", make("p.hint", words), again));
}

async function decide(act, number) {
  if (number !== shown) return; // It was decided elsewhere while the question stood here, and the card says so.
  mine = "asked";
  buttons();
  try {
    mine = (await ask(act, number, $("approval-text").value)).request;
  } catch (error) {
    mine = null;
    say($("approval-said"), `Not possible: ${error.message}.`);
  }
  buttons();
}

// What can be done now. While a decision is on its way the card has the focus, which a disabled button cannot have.
function buttons() {
  if (shown === null) return;
  const waits = wishes.waiting.find((one) => isAbout(one, shown));
  const isDecided = mine !== null || waits !== undefined;
  if (isDecided && $("approval-form").contains(document.activeElement)) $("approval").focus({ preventScroll: true });
  $("approve").disabled = isDecided || !isWhole;
  $("reject").disabled = isDecided;
  if (!waits) return;
  const what = waits.act === "approve" ? "Approved; it goes out" : "Turned down; that is written down";
  say($("approval-said"), current()?.at_work ? `${what} as soon as the session has taken note.` : `${what} when \`overnight run\` goes on.`);
}

function tellOutcome(number) {
  const told = wishes.written.find((one) => isAbout(one, number) && !one.refused);
  const hadFocus = $("approval").contains(document.activeElement);
  for (const id of ["approval-lead", "approval-all", "approval-form"]) show($(id), false);
  show($("approval"), told !== undefined);
  if (!told) return;
  const isApproved = told.act === "approve";
  gone = isApproved ? number : null;
  say($("approval-title"), `Experiment ${number} is ${isApproved ? "approved" : "turned down"}`);
  say($("approval-since"), clock(told.time));
  say($("approval-said"), isApproved
    ? "It goes out beside the present version now. It is rolled back by itself when a guard is broken or it does not prove better."
    : "Nobody has met it, and nobody will. The next idea is on its way.");
  if (hadFocus) $("approval").focus({ preventScroll: true });
}
