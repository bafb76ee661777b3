// Where the page begins: one stream of news in, each part of the page shows its own.

import * as approval from "./approval.js";
import * as chart from "./chart.js";
import { $, say, show } from "./dom.js";
import * as head from "./head.js";
import * as panel from "./panel.js";
import * as slots from "./slots.js";
import { follow } from "./stream.js";
import * as table from "./table.js";
import * as wishes from "./wishes.js";

const hear = {
  session({ session }) {
    chart.reset();
    table.reset();
    if (session === null) return;
    Promise.all([table.fetchPage(), chart.fetchAll()]).then(panel.follow, (error) => fault(error.message));
  },
  summary(summary) {
    head.showSummary(summary);
    chart.showSummary(summary);
    wishes.showSummary(summary);
  },
  now: slots.showNow,
  wishes(news) {
    wishes.showWishes(news);
    approval.showWishes(news);
  },
  approval: approval.showApproval,
  fault: ({ words }) => fault(words),
  verdicts({ rows }) {
    table.add(rows);
    chart.add(rows);
    panel.changed(rows);
    approval.changed(rows);
  },
};

function fault(words) {
  say($("fault"), words);
  show($("fault"), Boolean(words));
}

function lost(isLost) {
  document.body.classList.toggle("is-lost", isLost);
  say($("lost"), isLost ? "The dashboard does not answer. What you see may be old; this page comes back by itself." : "");
  show($("lost"), isLost);
}

chart.start((number) => (location.hash = number));
table.start();
wishes.start();
approval.start();
panel.start(() => head.current()?.metric ?? "metric");
follow((kind, value) => hear[kind](value), lost);
setInterval(() => {
  head.tick();
  slots.tick();
}, 500);
