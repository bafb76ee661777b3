// The staircase: all experiments as dots, the best so far as a line with its interval. The server thins the dots out.

import { get } from "./api.js";
import { $, calmly, say, show } from "./dom.js";
import { count, number } from "./words.js";

/* global uPlot */
const KEPT = 1;
const FAILED = 2;
const KIND = { keep: KEPT, baseline: KEPT, crash: FAILED, timeout: FAILED, invalid: FAILED };
const MOST_NEW = 400; // Dots that are added by hand before all are fetched again.

let plot = null;
let drawn = null; // What the server gave, with what has come since.
let zoom = null; // [first, last] while zoomed in.
let added = 0;
let asking = 0;
let metric = "metric";
let better = "lower";
let choose = () => {};

export function start(onChoose) {
  choose = onChoose;
  const again = calmly(resize, 100);
  new ResizeObserver(again).observe($("chart"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot && build());
  $("chart-reset").addEventListener("click", () => zoomTo(null));
}

export function showSummary(summary) {
  if (summary.session === null) return;
  const isOther = metric !== summary.metric || better !== summary.direction;
  [metric, better] = [summary.metric, summary.direction];
  if (isOther && plot) build();
  const best = summary.best === null ? "is not known yet" : `is ${number(summary.best)}`;
  const base = summary.baseline === null ? "" : `, from ${number(summary.baseline)} at the start`;
  say($("chart-words"), `${count(summary.experiments, "experiment")}, ${summary.kept} kept. The best ${metric} ${best}${base}; ${better} is better. ` +
    "Drag over the chart to zoom, double-click to see all; the table below has every number.");
}

// Everything anew, for the part that is shown.
export async function fetchAll() {
  const mine = ++asking;
  const [first, last] = zoom ?? [0, null];
  const columns = Math.min(4000, Math.max(50, Math.round($("chart").clientWidth)));
  const answer = await get("chart", { first, last, columns });
  if (mine !== asking) return; // A later question is under way.
  drawn = answer;
  added = 0;
  draw();
}

export const fetchSoon = calmly(() => fetchAll().catch(() => {}), 1500);

export function reset() {
  zoom = null;
  drawn = null;
  show($("chart-reset"), false);
}

export function add(rows) {
  if (!drawn || zoom) return;
  added += rows.length;
  if (added > MOST_NEW || rows.some((row) => row.verdict === "keep" || row.number <= drawn.newest)) {
    fetchSoon(); // The stairs have changed, or a verdict did.
    return;
  }
  for (const row of rows) {
    drawn.numbers.push(row.number);
    drawn.metrics.push(row.metric);
    drawn.kinds.push(KIND[row.verdict] ?? 0);
    drawn.newest = row.number;
  }
  drawSoon();
}

const drawSoon = calmly(() => draw(), 250);

function draw() {
  if (!drawn) return;
  if (!plot) build();
  else plot.setData(columns());
}

// One row of numbers for all series, as uPlot wants it: dots by kind, then the line and its interval.
function columns() {
  const { numbers, metrics, kinds, steps, newest } = drawn;
  const places = new Map();
  const at = (place) => {
    let row = places.get(place);
    if (!row) places.set(place, (row = [null, null, null, null, null, null]));
    return row;
  };
  const [low, high] = range();
  for (let index = 0; index < numbers.length; index++) {
    const value = metrics[index];
    const kind = kinds[index];
    if (kind === FAILED) at(numbers[index])[2] = low; // Without a metric: at the foot.
    else if (value !== null) at(numbers[index])[kind] = kind === KEPT ? value : Math.min(Math.max(value, low), high);
  }
  steps.numbers.forEach((place, index) => {
    const row = at(place);
    row[1] = steps.metrics[index]; // A keep stands on its step.
    row[3] = steps.metrics[index];
    row[4] = steps.lows[index];
    row[5] = steps.highs[index];
  });
  if (steps.numbers.length) {
    const end = at(Math.max(newest, steps.numbers.at(-1)));
    const last = steps.metrics.length - 1;
    end[3] ??= steps.metrics[last];
    end[4] ??= steps.lows[last];
    end[5] ??= steps.highs[last];
  }
  const order = [...places.keys()].sort((a, b) => a - b);
  const rows = order.map((place) => places.get(place));
  return [order, ...[0, 1, 2, 3, 4, 5].map((column) => rows.map((row) => row[column]))];
}

function range() {
  return drawn.low === null ? [0, 1] : [drawn.low, drawn.high];
}

function build() {
  plot?.destroy();
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const stepped = uPlot.paths.stepped({ align: 1 });
  const dots = (label, name, size, full) => ({
    label,
    paths: () => null,
    points: { show: true, size, width: full ? 1 : 0, stroke: full ? colour("card") : colour(name), fill: colour(name) },
  });
  const line = (label, width) => ({
    label,
    stroke: width ? colour("kept") : "transparent",
    width,
    paths: stepped,
    spanGaps: true,
    points: { show: false },
  });
  const axis = {
    stroke: colour("soft"),
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { stroke: colour("grid"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  const options = {
    width: $("chart").clientWidth,
    height: height(),
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false }, bind: { dblclick: () => () => zoomTo(null) } },
    scales: {
      x: { time: false, range: () => zoom ?? [-0.5, Math.max(drawn.newest + 0.5, 5)] },
      y: { range: () => range() },
    },
    axes: [
      { ...axis, label: "experiment", size: 34, labelSize: 16, labelGap: 0, labelFont: axis.font, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5] },
      { ...axis, size: 64, values: (_, splits) => splits.map((value) => number(value, 5)) },
    ],
    series: [
      {},
      dots("not better", "not", 5, false),
      dots("kept", "kept", 9, true),
      dots("failed", "failed", 5, false),
      line("best so far", 2),
      line("low", 0),
      line("high", 0),
    ],
    bands: [{ series: [6, 5], fill: colour("band") }],
    hooks: {
      setSelect: [(self) => {
        const { left, width } = self.select;
        if (width > 8) zoomTo([left, left + width].map((place) => Math.max(0, Math.round(self.posToVal(place, "x")))));
        self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  };
  $("chart").replaceChildren();
  plot = new uPlot(options, columns(), $("chart"));
  plot.over.addEventListener("click", () => {
    const index = plot.cursor.idx;
    if (index !== null && index !== undefined) choose(plot.data[0][index]);
  });
  plot.over.addEventListener("mousemove", () => hover());
}

function hover() {
  const index = plot.cursor.idx;
  if (index === null || index === undefined) return;
  const value = [2, 1].map((series) => plot.data[series][index]).find((one) => one !== null);
  const words = value === undefined ? "no metric" : `${metric} ${number(value)}`;
  plot.over.title = `experiment ${plot.data[0][index]}: ${words}`;
}

function zoomTo(span) {
  zoom = span && span[0] < span[1] ? span : null;
  show($("chart-reset"), zoom !== null);
  fetchAll().catch(() => {});
}

function height() {
  return innerWidth < 600 ? 220 : 320;
}

function resize() {
  const width = $("chart").clientWidth;
  if (plot && width && (width !== plot.width || height() !== plot.height)) plot.setSize({ width, height: height() });
}
