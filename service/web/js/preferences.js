// What the user chose for this browser: notation of coordinates, unit of lengths, map switches.

const STORED = "safenet-preferences";
const USUAL = { notation: "decimal", unit: "m", outlines: false, baseMap: false };

const listeners = [];
let chosen = read();

function read() {
  try {
    return { ...USUAL, ...JSON.parse(localStorage.getItem(STORED) ?? "{}") };
  } catch {
    return { ...USUAL }; // no storage, or what is stored there is no JSON
  }
}

/** One preference: "notation", "unit", "outlines" or "baseMap". */
export function preference(name) {
  return chosen[name];
}

/** Change one preference and report it to all listeners. */
export function prefer(name, value) {
  chosen = { ...chosen, [name]: value };
  try {
    localStorage.setItem(STORED, JSON.stringify(chosen));
  } catch {
    // Without storage it holds until the page is left.
  }
  for (const listener of listeners) listener(name, value);
}

/** Call `listener(name, value)` after each change. */
export function onPreference(listener) {
  listeners.push(listener);
}
