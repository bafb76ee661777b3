// What the server answers. Everything is under the page's own address, so no address is written here.

export async function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return answered(await fetch(`api/${path}${text ? `?${text}` : ""}`));
}

// Leaves a request for the session; an error's message is the reason why it cannot be.
export async function ask(act, number = null, text = "") {
  const headers = { "Content-Type": "application/json" };
  return answered(await fetch("api/requests", { method: "POST", headers, body: JSON.stringify({ act, number, text }) }));
}

async function answered(response) {
  let said = null;
  try {
    said = await response.json();
  } catch {
    // Not the dashboard's own words: the status has to do.
  }
  if (!response.ok) throw new Error(said?.error || `the dashboard answered ${response.status}`);
  return said;
}
