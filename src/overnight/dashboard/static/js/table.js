// The experiments, a page at a time. What is new comes in at the top of the newest page, and as much goes at its end.

import { get } from "./api.js";
import { $, calmly, make, say, show } from "./dom.js";
import { clock, gain, interval, number, VERDICTS } from "./words.js";

const PAGE = 50;
const view = { only: "all", words: "", before: null, after: null };
let rows = [];
let asking = 0;
let later = false; // There is something newer than what is shown.

export function start() {
  $("filters").addEventListener("change", (event) => look({ only: event.target.value, before: null, after: null }));
  const typed = calmly(() => look({ words: $("search").value, before: null, after: null }), 250);
  $("search").addEventListener("input", typed);
  $("search-form").addEventListener("submit", (event) => event.preventDefault());
  $("newest").addEventListener("click", () => look({ before: null, after: null }));
  $("older").addEventListener("click", () => look({ before: rows.at(-1)?.number ?? null, after: null }));
  $("newer").addEventListener("click", () => look({ before: null, after: rows[0]?.number ?? null }));
  $("rows").addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row && !event.target.closest("a") && !String(getSelection())) location.hash = row.dataset.number;
  });
}

export function fetchPage() {
  return look({});
}

export function reset() {
  Object.assign(view, { before: null, after: null });
}

const isNewestPage = () => view.before === null && view.after === null;
const fetchSoon = calmly(() => look({}).catch(() => {}), 3000);

export function add(news) {
  if (!isNewestPage()) {
    for (const row of news) replace(row);
    later ||= news.length > 0;
    buttons();
    return;
  }
  if (view.only !== "all" || view.words) {
    fetchSoon();
    return;
  }
  for (const row of news) {
    if (!replace(row) && (!rows.length || row.number > rows[0].number)) insert(row);
  }
  buttons();
}

function insert(row) {
  rows.unshift(row);
  const line = lineOf(row);
  line.classList.add("fresh");
  $("rows").prepend(line);
  while (rows.length > PAGE) {
    rows.pop();
    $("rows").lastElementChild.remove();
    view.older = true;
  }
  show($("none"), false);
}

function replace(row) {
  const index = rows.findIndex((known) => known.number === row.number);
  if (index < 0) return false;
  rows[index] = row;
  const old = $("rows").children[index];
  const line = lineOf(row);
  const hadFocus = old.contains(document.activeElement);
  old.replaceWith(line);
  if (hadFocus) line.querySelector("a").focus();
  return true;
}

async function look(change) {
  Object.assign(view, change);
  const mine = ++asking;
  const { only, words, before, after } = view;
  const page = await get("experiments", { only, words, before, after });
  if (mine !== asking) return;
  if (after !== null && !page.newer) Object.assign(view, { before: null, after: null }); // It is the newest page.
  rows = page.rows;
  view.older = page.older;
  later = page.newer && !isNewestPage();
  $("rows").replaceChildren(...rows.map(lineOf));
  show($("none"), rows.length === 0);
  say($("none"), only === "all" && !words ? "No experiment has a verdict yet." : "None like that.");
  buttons();
}

function buttons() {
  $("newest").disabled = isNewestPage();
  $("newer").disabled = !later || isNewestPage();
  $("older").disabled = !view.older;
  say($("page-words"), rows.length ? `${rows[0].number} to ${rows.at(-1).number}` : "");
}

function lineOf(row) {
  const label = VERDICTS[row.verdict] ?? row.verdict;
  const marks = [];
  if (row.flagged) marks.push(make("span.mark", "suspicious"));
  if (row.open) marks.push(make("span.mark.open", row.verdict === "keep" ? "provisional" : "still open"));
  const idea = row.hypothesis || row.reason || "(no hypothesis)";
  const bounds = interval(row.gain_low, row.gain_high);
  const reason = row.verdict !== "keep" && row.verdict !== "discard" && row.hypothesis ? row.reason : "";
  return make("tr", { role: "row", data: { number: row.number } },
    cell("n.at", String(row.number)),
    cell("is", make(`span.verdict.v-${row.verdict}`, label)),
    cell("idea", make("a", { href: `#${row.number}` }, idea), marks.length > 0 && make("span.marks", marks), reason && make("span.why", reason)),
    cell("n.metric", number(row.metric)),
    cell("n.gain", gain(row.gain), bounds && bounds !== "exact" ? make("span.why", bounds) : null),
    cell("n.runs", String(row.runs)),
    cell("n.when", clock(row.time)));
}

// The roles are said because a narrow screen lays the cells out in another way than a table's.
const cell = (classes, ...inside) => make(`td.${classes}`, { role: "cell" }, ...inside);

// The number next to this one in what is shown, or null.
export function neighbour(of, step) {
  const index = rows.findIndex((row) => row.number === of);
  return index < 0 ? null : (rows[index + step]?.number ?? null);
}
