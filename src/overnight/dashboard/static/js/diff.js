// A change, line by line, each piece in the colour of what it is. Text alone: the server says what, and the page how.

import { make } from "./dom.js";

export function diff(patch, label) {
  const lines = patch.map(({ kind, pieces }) => make(`span.line.l-${kind}`, { data: { sign: { added: "+", removed: "−" }[kind] ?? " " } },
    pieces.map(([token, text]) => (token && /^[a-z0-9]{1,3}$/.test(token) ? make(`span.tok-${token[0]}.tok-${token}`, text) : document.createTextNode(text))), "\n"));
  return make("pre.diff", { tabindex: "0", role: "region", "aria-label": label }, make("code", lines));
}
