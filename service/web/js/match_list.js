// The ranked matches beside the map.

import { element, metresText } from "./dom.js";
import { scoreColours } from "./colour.js";

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
      const title = element("span", { class: "title" }, `${match.rank}. ${match.image_id}`);
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

/** Mark one match as the one that is looked at. */
export function markPicked(list, imageId) {
  for (const button of list.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === imageId));
  }
}

function describe(match, view) {
  const facts = [`${match.latitude.toFixed(5)}, ${match.longitude.toFixed(5)}`];
  if (match.gsd_m) facts.push(`${match.gsd_m.toFixed(2)} m/px`);
  if (Number.isFinite(match.altitude_m)) {
    facts.push(`${metresText(match.altitude_m)} ${datumWords(match.altitude_datum)}`.trim());
  }
  if (view === "drone" && Number.isFinite(match.heading_deg)) facts.push(`looking ${Math.round(match.heading_deg)}°`);
  if (match.flight_id) facts.push(`flight ${match.flight_id}`);
  if (match.captured_at) facts.push(match.captured_at.slice(0, 16).replace("T", " "));
  return facts.join(" · ");
}

function datumWords(datum) {
  const words = { takeoff: "above take-off", msl: "above sea level", ellipsoid: "above the ellipsoid" };
  return words[datum] ?? "";
}
