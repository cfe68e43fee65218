// One position for people: in their notation, with ways to copy it and to open it elsewhere.

import { getJson } from "./api.js";
import { element, positionText } from "./dom.js";
import { prefer, preference } from "./preferences.js";

const NOTATIONS = [
  ["decimal", "Degrees"],
  ["dms", "Deg, min, sec"],
  ["utm", "UTM"],
  ["mgrs", "MGRS"],
];

const UNITS = [
  ["m", "Metres"],
  ["ft", "Feet"],
];

/** Addresses of a position in other programs; opened only by a click. */
const ELSEWHERE = [
  ["OpenStreetMap", (at) => `https://www.openstreetmap.org/?mlat=${at.lat}&mlon=${at.lon}#map=18/${at.lat}/${at.lon}`],
  ["Google Maps", (at) => `https://www.google.com/maps/search/?api=1&query=${at.lat},${at.lon}`],
];

/**
 * @param estimate {latitude, longitude}
 * @param onCopy called with the text that is shown
 * @param layerUrl template of the gallery's map layer, for QGIS; null without one
 */
export function placeLine({ latitude, longitude }, onCopy, layerUrl) {
  const output = element("output", {}, positionText(latitude, longitude));
  const show = async () => {
    const notation = preference("notation");
    output.textContent = positionText(latitude, longitude);
    if (notation === "decimal") return;
    const query = new URLSearchParams({ latitude, longitude });
    const texts = await getJson(`coordinates?${query}`).catch(() => ({}));
    if (preference("notation") === notation) output.textContent = texts[notation] ?? output.textContent;
  };
  const copy = element(
    "button",
    { type: "button", "aria-label": "Copy coordinates", click: () => onCopy(output.textContent, "Coordinates") },
    "Copy",
  );
  show();
  return element(
    "div",
    { class: "place" },
    element("p", { class: "coordinates" }, output, copy),
    element("p", { class: "choices" }, choice("Notation", "notation", NOTATIONS, show), choice("Unit", "unit", UNITS)),
    elsewhere({ lat: latitude.toFixed(7), lon: longitude.toFixed(7) }, onCopy, layerUrl),
  );
}

function choice(label, name, options, onChange = () => {}) {
  const select = element("select", { "aria-label": label });
  select.append(...options.map(([value, words]) => new Option(words, value)));
  select.value = preference(name);
  select.addEventListener("change", () => {
    prefer(name, select.value);
    onChange();
  });
  return select;
}

function elsewhere(at, onCopy, layerUrl) {
  const links = ELSEWHERE.map(([words, url]) =>
    element("a", { href: url(at), target: "_blank", rel: "noopener noreferrer" }, words),
  );
  if (layerUrl) {
    const title = "In QGIS: Layer, Add Layer, Add XYZ Layer, and paste this address";
    const click = () => onCopy(layerUrl, "Address of the map layer for QGIS (Add XYZ Layer)");
    links.push(element("button", { type: "button", class: "quiet", title, click }, "QGIS"));
  }
  return element("p", { class: "facts elsewhere" }, "Open in ", ...links);
}
