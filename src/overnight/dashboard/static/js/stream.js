// The live stream: comes back by itself, from where it was, and says when it is not there.

const LONGEST_SILENCE = 25_000; // The server says something every ten seconds.
const KINDS = ["session", "summary", "now", "wishes", "approval", "fault", "verdicts"];

export function follow(listener, lost) {
  let source = null;
  let place = "";
  let wait = 500;
  let watch = null;

  function open() {
    source = new EventSource(`api/events${place ? `?after=${encodeURIComponent(place)}` : ""}`);
    source.onopen = () => heard();
    source.onerror = () => again();
    source.addEventListener("beat", heard);
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        heard();
        if (event.lastEventId) place = event.lastEventId;
        listener(kind, JSON.parse(event.data));
      });
    }
    listen();
  }

  function heard() {
    wait = 500;
    lost(false);
    listen();
  }

  function listen() {
    clearTimeout(watch);
    watch = setTimeout(again, LONGEST_SILENCE);
  }

  function again() {
    clearTimeout(watch);
    source?.close();
    source = null;
    lost(true);
    setTimeout(open, wait);
    wait = Math.min(wait * 2, 5_000);
  }

  open();
}
