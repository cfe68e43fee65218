// The ranked matches beside the map.

import { element, metresText } from "./dom.js";
import { scoreColours } from "./colour.js";
import { distanceM } from "./geo.js";

/** Fill a list with one button per match. `pictureOf(path)` gives an object URL. */
export function showMatches(list, answer, pictureOf, onPick) {
  const colours = scoreColours(answer.matches.map((match) => match.score));
  list.replaceChildren(
    ...answer.matches.map((match) => {
      const thumbnail = element("img", { alt: "", width: 64, height: 64 });
      pictureOf(match.image_url).then(
        (url) => {
          thumbnail.src = url;
        },
        () => thumbnail.classList.add("missing"),
      );
      const score = element("span", { class: "score" }, match.score.toFixed(3));
      score.style.setProperty("--score", colours(match.score));
      const title = element("span", { class: "title" }, matchTitle(match, answer.gallery.view));
      const facts = element("span", { class: "facts" }, describe(match, answer.gallery.view));
      const words = element("span", { class: "words" }, title, facts);
      const button = element(
        "button",
        { type: "button", "data-id": match.image_id, click: () => onPick(match) },
        thumbnail,
        words,
        score,
      );
      return element("li", {}, button);
    }),
  );
}

/** "Tile 1 · 150 m", with the side of its ground; "Photo 1 · 60 m above take-off". */
export function matchTitle(match, view) {
  if (view === "drone") return `Photo ${match.rank}${heightText(match, " · ")}`;
  return `Tile ${match.rank}${match.bounds ? ` · ${metresText(sideM(match.bounds))}` : ""}`;
}

function sideM([west, south, east, north]) {
  const span = (east - west + 360) % 360;
  const middle = (south + north) / 2;
  const across = distanceM({ latitude: middle, longitude: 0 }, { latitude: middle, longitude: span });
  const up = distanceM({ latitude: south, longitude: 0 }, { latitude: north, longitude: 0 });
  return Math.round(Math.sqrt(across * up));
}

function heightText(match, before = "") {
  if (!Number.isFinite(match.altitude_m)) return "";
  return `${before}${metresText(match.altitude_m)} ${datumWords(match.altitude_datum)}`.trimEnd();
}

/** What the number beside a match means. */
export function scoreHelp() {
  const words =
    "The score orders the matches; higher is more alike, and at most 1. It combines how alike the model finds photo and image as a whole, how well their parts agree, and, for the best candidates, how many points of both correspond. It does not say how sure the answer is: that is its confidence.";
  return element("details", { class: "facts score-help" }, element("summary", {}, "What is the score?"), element("p", {}, words));
}

/** Mark one match as the one that is looked at. */
export function markPicked(list, imageId) {
  for (const button of list.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === imageId));
  }
}

function describe(match, view) {
  const facts = [match.image_id, `${match.latitude.toFixed(5)}, ${match.longitude.toFixed(5)}`];
  if (match.gsd_m) facts.push(`${match.gsd_m.toFixed(2)} m/px`);
  if (view !== "drone" && Number.isFinite(match.altitude_m)) facts.push(heightText(match));
  if (view === "drone" && Number.isFinite(match.heading_deg)) facts.push(`looking ${Math.round(match.heading_deg)}°`);
  if (match.flight_id) facts.push(`flight ${match.flight_id}`);
  if (match.captured_at) facts.push(momentText(match.captured_at));
  return facts.join(" · ");
}

function datumWords(datum) {
  const words = { takeoff: "above take-off", msl: "above sea level", ellipsoid: "above the ellipsoid" };
  return words[datum] ?? "(reference unknown)";
}

/** "2026-05-01 10:05 UTC". */
function momentText(text) {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return text;
  return `${moment.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
