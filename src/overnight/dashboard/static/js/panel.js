// One experiment in full, at the address #NUMBER: Escape or Back closes it, the arrows lead to its neighbours.

import { get } from "./api.js";
import { diff } from "./diff.js";
import { $, make, say } from "./dom.js";
import { outputs } from "./outputs.js";
import { neighbour } from "./table.js";
import { sure, wish } from "./wishes.js";
import { duration, gain, interval, number, VERDICTS } from "./words.js";

let shown = null;
let isNew = false; // It has not been looked at yet, so it is shown from its top.
let asking = 0;
let metric = () => "metric";

export function start(nameOfMetric) {
  metric = nameOfMetric;
  const panel = $("panel");
  addEventListener("hashchange", follow);
  panel.addEventListener("close", () => {
    shown = null;
    if (location.hash) history.pushState(null, "", location.pathname);
  });
  panel.addEventListener("click", (event) => event.target === panel && panel.close());
  $("panel-close").addEventListener("click", () => panel.close());
  $("panel-newer").addEventListener("click", () => go(-1));
  $("panel-older").addEventListener("click", () => go(1));
  addEventListener("keydown", (event) => {
    if (!panel.open || $("sure").open || event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, textarea")) return;
    if (event.key === "ArrowLeft" || event.key === "k") go(-1);
    if (event.key === "ArrowRight" || event.key === "j") go(1);
  });
}

// Shows what the address names, or closes.
export function follow() {
  const wanted = /^#(\d{1,9})$/.exec(location.hash);
  if (wanted) open(Number(wanted[1]));
  else $("panel").close();
}

// A verdict has changed while it is looked at.
export function changed(rows) {
  if (shown !== null && rows.some((row) => row.number === shown)) open(shown);
}

function go(step) {
  const next = shown === null ? null : neighbour(shown, step);
  if (next !== null) location.replace(`#${next}`);
}

async function open(wanted) {
  const mine = ++asking;
  const isOther = shown !== wanted;
  isNew ||= isOther;
  shown = wanted;
  const panel = $("panel");
  say($("panel-number"), wanted ? `Experiment ${wanted}` : "The baseline");
  if (isOther) {
    say($("panel-title"), "…");
    $("panel-content").replaceChildren();
  }
  if (!panel.open) panel.showModal();
  $("panel-newer").disabled = neighbour(wanted, -1) === null;
  $("panel-older").disabled = neighbour(wanted, 1) === null;
  let found;
  try {
    found = await get(`experiments/${wanted}`);
  } catch (error) {
    if (mine !== asking) return;
    say($("panel-title"), "There is nothing to show");
    $("panel-content").replaceChildren(make("p", `${error.message}.`));
    return;
  }
  if (mine !== asking || shown !== wanted) return;
  say($("panel-title"), found.hypothesis || "(no hypothesis)");
  $("panel-content").replaceChildren(...sections(found));
  if (isNew) {
    isNew = false;
    $("panel-body").scrollTop = 0;
    $("panel-title").focus({ preventScroll: true });
  }
}

function sections(found) {
  return [verdict(found), facts(found), buttons(found), why(found), patch(found), runs(found), outputs(found)].filter(Boolean);
}

function verdict(found) {
  if (!found.verdict) return make("p.decision", make("span.verdict", "under way"), " no verdict yet");
  const marks = (found.flags ?? []).map((flag) => make("li", flag));
  return make("div.decision",
    make("p", make(`span.verdict.v-${found.verdict}`, VERDICTS[found.verdict] ?? found.verdict), " ", found.reason),
    marks.length ? make("ul.flags", { "aria-label": "Suspicious" }, marks) : null);
}

function facts(found) {
  const bounds = interval(found.gain_low, found.gain_high);
  const rows = [
    [metric(), found.metric === null || found.metric === undefined ? null : number(found.metric)],
    ["without it", found.before === null || found.before === undefined ? null : number(found.before)],
    ["gain", gain(found.gain) || null],
    ["95 % interval", bounds || null],
    ["took", found.seconds ? duration(found.seconds) : null],
    ["proposed by", found.proposer || null],
    ["cost", found.cost ? `$${found.cost.toFixed(2)}` : null],
    ["commit", found.commit ? found.commit.slice(0, 7) : null],
  ].filter(([, value]) => value !== null);
  return make("dl.facts", rows.map(([name, value]) => make("div", make("dt", name), make("dd", value))));
}

function buttons(found) {
  if (!found.number) return null;
  const { number: which } = found;
  const said = make("p.said", { role: "status" });
  const button = (label, act, confirm) => {
    const element = make(act === "take_back" ? "button.danger" : "button", { type: "button", data: { act } }, label);
    element.addEventListener("click", async () => {
      if (confirm && !(await sure(...confirm))) return;
      if (await wish(element, act, which)) say(said, "Asked; “What was asked” on the page says what became of it.");
    });
    return element;
  };
  const back = ["Take this keep back?", `Experiment ${which} leaves the branch, with what stands on it. The others are kept. ` +
    "This happens after the experiment that is under way, and is not undone by itself.", "Take it back"];
  return make("div.actions",
    make("div.row", found.can_be_taken_back ? button("Take back this keep…", "take_back", back) : null,
      button("Pin this idea", "pin"), button("Forbid this idea", "forbid")), said);
}

function why(found) {
  if (!found.why.length) return null;
  return section("How it was decided", make("pre.why-lines", found.why.join("\n")));
}

function patch(found) {
  if (!found.patch.length) return null;
  return section("What it changed", diff(found.patch, "The change"));
}

function runs(found) {
  if (!found.runs.length) return null;
  const rows = found.runs.map((run) => make("tr",
    make("td", run.role, run.place && make("span.why", run.place)), make("td.n", String(run.seed)), make("td", run.outcome === "ok" ? "" : make("span.verdict.v-crash", run.outcome)),
    make("td.n", number(run.value), run.rival === null ? null : make("span.why", `beside ${number(run.rival)}`)),
    make("td.n", duration(run.seconds)), make("td.n", `${Math.round(run.peak_mb)} MB`)));
  const failed = found.runs.filter((run) => run.reason).slice(-3)
    .map((run) => make("div.failure", make("p", run.reason), run.tail ? make("pre.tail", { tabindex: "0", role: "region", "aria-label": "The end of what it printed" }, run.tail) : null));
  const more = found.runs_in_all > found.runs.length ? make("p.hint", `The last ${found.runs.length} of ${found.runs_in_all}.`) : null;
  const head = make("thead", make("tr", make("th", { scope: "col" }, "Run of the"), make("th.n", { scope: "col" }, "Seed"), make("th", { scope: "col" }, "Outcome"),
    make("th.n", { scope: "col" }, metric()), make("th.n", { scope: "col" }, "Took"), make("th.n", { scope: "col" }, "Memory")));
  return section("Its runs", make("div.scroll", { tabindex: "0", role: "region", "aria-label": "Its runs" }, make("table.runs-table", head, make("tbody", rows))), ...failed, more);
}

function section(title, ...parts) {
  return make("section", make("h3", title), ...parts);
}
