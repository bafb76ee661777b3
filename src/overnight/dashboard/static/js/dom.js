// Elements made from text alone: what guests wrote is never read as markup.

export const $ = (id) => document.getElementById(id);

// make("td.n", "12") or make("li", { title: "…" }, child, "text")
export function make(what, ...rest) {
  const [name, ...classes] = what.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const part of rest) {
    if (part === null || part === undefined || part === false) continue;
    if (part instanceof Node) element.append(part);
    else if (Array.isArray(part)) element.append(...part);
    else if (typeof part === "object") for (const [key, value] of Object.entries(part)) put(element, key, value);
    else element.append(String(part));
  }
  return element;
}

function put(element, key, value) {
  if (key === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  else if (key === "data") Object.assign(element.dataset, value);
  else element.setAttribute(key, value);
}

// Changes the text only where it is another, so that nothing flickers and no screen reader says it twice.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, wanted) {
  if (element.hidden === wanted) element.hidden = !wanted;
}

// Calls `work` at most once in `wait` milliseconds, and a last time after the last call.
export function calmly(work, wait) {
  let timer = null;
  let last = -Infinity;
  return () => {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      last = performance.now();
      work();
    }, Math.max(0, last + wait - performance.now()));
  };
}
