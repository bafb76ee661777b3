// The head of the page: how the session stands in a sentence and a few numbers, and the buttons for all of it.

import { $, make, say, show } from "./dom.js";
import { count, duration, number } from "./words.js";

const PILLS = {
  empty: "nothing yet",
  baseline: "starting",
  running: "running",
  paused: "paused",
  waiting: "waiting",
  approval: "waits for you",
  finished: "finished",
  stopped: "stopped",
  failed: "failed",
  cut_off: "cut off",
};
let summary = null;
let arrived = 0;

export function showSummary(news) {
  summary = news;
  arrived = Date.now();
  document.body.dataset.stand = news.stand;
  say($("pill"), PILLS[news.stand] ?? news.stand);
  say($("sentence"), news.sentence);
  const began = news.session !== null;
  say($("session"), began ? `${news.goal} · ${news.session} · ${news.agent}` : "");
  show($("welcome"), !began);
  for (const id of ["numbers", "chart-card", "experiments", "say"]) show($(id), began);
  show($("controls"), news.at_work);
  show($("pause"), news.stand !== "paused");
  show($("resume"), news.stand === "paused");
  document.title = began ? `${PILLS[news.stand]} · ${news.experiments} · Overnight` : "Overnight";
  if (!began) return;
  say($("metric-head"), news.metric);
  show($("not-read"), !news.reads_hints);
  showNumbers();
}

export const current = () => summary;

function showNumbers() {
  const better = summary.improvement_words;
  const best = summary.best === null ? "–" : number(summary.best);
  const sure = summary.best_low !== null && summary.best_low !== summary.best_high;
  const from = summary.baseline === null ? "not measured yet" : `from ${number(summary.baseline)}`;
  tile("best", `Best ${summary.metric}`, best, sure ? `${number(summary.best_low)} to ${number(summary.best_high)}` : from, true);
  const percent = summary.improvement_percent;
  const big = !better || percent === null ? "–" : `${number(Math.abs(percent), 3)} %`;
  tile("improvement", "Improvement", big, better ? better.replace(/^.* % /, "") : "none yet", true);
  const verified = summary.verified_percent;
  if (!summary.live) tile("verified", "Verified", verified === null ? "–" : `${number(verified, 3)} %`,
    verified === null ? "overnight verify" : verifiedWords(), false);
  const of = summary.wanted ? `of ${summary.wanted.toLocaleString("en")}` : failedWords();
  tile("experiments", "Experiments", summary.experiments.toLocaleString("en"), of, false);
  tile("kept", "Kept", summary.kept.toLocaleString("en"), summary.wanted ? failedWords() : "on the branch", false);
  tick();
  tile("cost", "Cost", summary.cost > 0 ? `$${summary.cost.toFixed(2)}` : summary.tokens ? short(summary.tokens) : "–",
    summary.tokens ? count(summary.tokens, "token") : "nothing spent", false);
  const trust = summary.trust_words;
  $("numbers").title = `The metric is ${trust}.`;
}

function verifiedWords() {
  const { verified_low: low, verified_high: high } = summary;
  return low === null || low === high ? "all runs alike" : `${number(low, 3)} to ${number(high, 3)} %`;
}

function failedWords() {
  const failed = ["crash", "timeout", "invalid"].reduce((sum, kind) => sum + (summary.verdicts[kind] ?? 0), 0);
  return failed ? `${failed.toLocaleString("en")} failed` : "none failed";
}

function short(tokens) {
  return tokens >= 1e6 ? `${(tokens / 1e6).toFixed(1)} M` : tokens >= 1e3 ? `${Math.round(tokens / 1e3)} k` : String(tokens);
}

// The clock runs on between two summaries.
export function tick() {
  if (!summary || summary.session === null) return;
  const runs = summary.at_work && summary.stand !== "paused";
  const worked = summary.worked_seconds + (runs ? (Date.now() - arrived) / 1000 : 0);
  tile("time", "Time at work", duration(worked < 3600 ? Math.floor(worked) : worked), pace(worked), false);
}

function pace(worked) {
  return summary.experiments ? `${duration(worked / summary.experiments)} each` : "";
}

function tile(name, title, big, small, isMain) {
  const id = `tile-${name}`;
  let element = $(id);
  if (!element) {
    element = make(isMain ? "div.tile.first" : "div.tile", { id }, make("dt"), make("dd.big"), make("dd.small"));
    $("numbers").append(element);
  }
  const [term, value, more] = element.children;
  say(term, title);
  say(value, big);
  say(more, small);
}
