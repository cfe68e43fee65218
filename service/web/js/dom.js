// Building and finding elements, and writing numbers for people.

import { preference } from "./preferences.js";

/** A new element; attributes with a function value are event listeners, null and false are left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** An inline picture from path data, hidden from screen readers. */
export function icon(className, viewBox, ...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", viewBox);
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  for (const data of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", data);
    svg.append(path);
  }
  return svg;
}

/** A copy of a <template>'s content. */
export function fromTemplate(id) {
  return document.getElementById(id).content.cloneNode(true);
}

/** "47.3769012, 8.5417034": latitude first, degrees, 7 decimals (1 cm). */
export function positionText(latitude, longitude) {
  return `${latitude.toFixed(7)}, ${longitude.toFixed(7)}`;
}

const FEET_PER_M = 1 / 0.3048;
const FEET_PER_MILE = 5280;

/** "0.4 m", "12 m", "1.3 km", or "1.3 ft", "39 ft", "0.8 mi" where the user prefers feet. */
export function metresText(metres) {
  if (preference("unit") === "ft") {
    const feet = metres * FEET_PER_M;
    if (feet >= FEET_PER_MILE) return `${(feet / FEET_PER_MILE).toFixed(feet < 52800 ? 1 : 0)} mi`;
    return `${feet < 10 ? feet.toFixed(1) : Math.round(feet)} ft`;
  }
  if (metres >= 1000) return `${(metres / 1000).toFixed(metres < 10000 ? 1 : 0)} km`;
  return `${metres < 10 ? metres.toFixed(1) : Math.round(metres)} m`;
}

/** "87 %", and "> 99 %" or "< 1 %" for what is never quite sure. */
export function percentText(share) {
  if (share > 0.99 && share < 1) return "> 99 %";
  return share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(100 * share)} %`;
}

/** "840 ms", "2.1 s". */
export function durationText(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

/** "137° (SE)": degrees clockwise from true north, and the nearest of eight winds. */
export function headingText(degrees) {
  const wind = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"][Math.round(degrees / 45) % 8];
  return `${Math.round(degrees) % 360}° (${wind})`;
}
