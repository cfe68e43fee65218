// An answer as text: the status, the position, and advice.

import { element, headingText, icon, metresText, percentText, positionText } from "./dom.js";
import { distanceM } from "./geo.js";
import { placeLine } from "./place_line.js";

const LOOKS = {
  match: ["Match", "M4 13l5 5L20 6"],
  uncertain: ["Uncertain", "M8 8a4 4 0 1 1 5 4q-1 .5-1 3M12 19v.5"],
  no_match: ["No match", "M6 6l12 12M18 6L6 18"],
};

/** The banner of a status: an icon, a title, a sentence, and advice. */
export function statusBanner(answer, parameters, route, { isFromLink = false } = {}) {
  const [title, path] = LOOKS[answer.status];
  const head = element("p", { class: "head" }, element("strong", {}, title));
  // The confidence of a rejected candidate would read like that of a find.
  if (answer.status !== "no_match") head.append(` · confidence ${percentText(answer.confidence)}`);
  const tips = answer.status === "match" ? [] : advice(answer, parameters, route);
  const words = element("div", {}, head, element("p", {}, sentence(answer, route)));
  if (isFromLink) {
    const note = "From a link: this page has not searched for it. Send the photo yourself to check it.";
    words.prepend(element("p", { class: "from-link" }, note));
  }
  if (tips.length) {
    const items = tips.map((tip) => element("li", {}, tip));
    words.append(element("p", {}, "Try:"), element("ul", {}, ...items));
  }
  return element("div", { class: `status ${answer.status}` }, icon("badge", "0 0 24 24", path), words);
}

/** A banner of a status: its badge, a title and lines of text. */
export function banner(status, title, lines) {
  const [, path] = LOOKS[status];
  const head = element("p", { class: "head" }, element("strong", {}, title));
  const words = element("div", {}, head, ...lines.map((line) => element("p", {}, line)));
  const badge = icon("badge", "0 0 24 24", path);
  return element("div", { class: `status ${status}`, role: "status" }, badge, words);
}

function sentence(answer, route) {
  const what = route === "localize" ? "tile" : "drone image";
  if (answer.status === "no_match") {
    return answer.matches.length
      ? `No ${what} of "${answer.gallery.name}" looks enough like this. The most similar ones are listed below and dashed on the map; they are not an answer.`
      : `No ${what} of "${answer.gallery.name}" lies in the area you chose.`;
  }
  if (answer.agreement === "disagree") {
    return "These photos show different places, so there is no common position. Each is listed on its own.";
  }
  const partly = answer.agreement === "partly" ? " Not every photo on its own is found there." : "";
  if (!answer.estimate) return `${answer.matches.length} ${what}s to look at.${partly}`;
  const within = metresText(answer.estimate.accuracy_m_95);
  return answer.status === "match"
    ? `The ground in the middle of the photo lies within ${within} of this point (95 %).${partly}`
    : `Perhaps here, within ${within} (95 %). Compare the images before you use it.${partly}`;
}

function advice(answer, parameters, route) {
  const tips = [];
  const hasPrior = parameters.has("radius_m") || parameters.has("bounds");
  const unsure = answer.status === "uncertain";
  if (hasPrior && !unsure) tips.push("a larger area to search, or none: the place may lie outside it");
  if (Number(parameters.get("min_confidence") ?? 0) > 0) {
    tips.push(`a lower minimum confidence than ${parameters.get("min_confidence")}`);
  }
  if (route === "localize") {
    tips.push(
      "several photos of the same place at once",
      "a photo that looks further down, or from higher up, with roofs and roads in it",
    );
  }
  if (route === "navigate") tips.push("a tile that shows about as much ground as one drone photo");
  if (!hasPrior && unsure) tips.push("a circle or a box around where it must be");
  if (!unsure) tips.push("another gallery: this one may not cover the place");
  return tips;
}

/** What each of several photos shows on its own; null for a single photo. */
export function photoList(answer, names) {
  if (!answer.per_image?.length) return null;
  const items = answer.per_image.map(({ image, status, confidence, estimate, best_match: best }) => {
    const name = names[image - 1] ?? `photo ${image}`;
    const [title] = LOOKS[status];
    const sure = status === "no_match" ? title : `${title}, confidence ${percentText(confidence)}`;
    const where = status === "no_match" ? "" : placeText(estimate, best);
    return element("li", {}, element("strong", {}, name), `: ${sure}${where}`);
  });
  const list = element("ol", {}, ...items);
  return element("div", { class: "per-photo" }, element("p", {}, "Each photo on its own:"), list);
}

function placeText(estimate, best) {
  if (estimate) return `, at ${positionText(estimate.latitude, estimate.longitude)}`;
  return best ? `, ${best.image_id}` : "";
}

/** Coordinates of the estimate with a copy button and the distance to the known position. */
export function estimateLine(answer, knownPositions, onCopy, layerUrl) {
  if (!answer.estimate) return null;
  const { accuracy_m_68, accuracy_m_95, heading_deg } = answer.estimate;
  const circles = `68 % within ${metresText(accuracy_m_68)}, 95 % within ${metresText(accuracy_m_95)}`;
  const what = "Ground in the middle of the photo (not the drone: an oblique camera looks ahead)";
  const lines = [
    element("p", { class: "facts" }, what),
    placeLine(answer.estimate, onCopy, layerUrl),
  ];
  lines.push(element("p", { class: "facts" }, circles));
  if (Number.isFinite(heading_deg)) {
    lines.push(element("p", { class: "facts" }, `The top of the photo points to ${headingText(heading_deg)}`));
  }
  for (const own of knownPositions.slice(0, 1)) {
    const away = metresText(distanceM(own, answer.estimate));
    lines.push(element("p", { class: "facts" }, `${own.label}: ${away} away from that ground.`));
  }
  return element("div", { class: "estimate" }, ...lines);
}

/** Where the camera was and where it looked; null where the field of view is unknown. */
export function cameraLine(answer) {
  const camera = answer.estimate?.camera;
  if (!camera) return null;
  const { latitude, longitude, height_m, heading_deg, pitch_deg, roll_deg } = camera;
  const place = `Camera at ${positionText(latitude, longitude)} ± ${metresText(camera.horizontal_spread_m)}`;
  const height = `${metresText(height_m)} ± ${metresText(camera.height_spread_m)} above the map`;
  const tilt = `pitch ${pitch_deg.toFixed(1)}°, roll ${roll_deg.toFixed(1)}°`;
  const words = `${place}, ${height}; heading ${headingText(heading_deg)}, ${tilt}`;
  return element("p", { class: "facts camera-pose" }, words);
}

/** The service's error message, with a button to try again. */
export function problemBanner(error, onRetry) {
  const words = element(
    "div",
    {},
    element("p", { class: "head" }, element("strong", {}, error.title ?? "Error")),
    element("p", {}, error.message),
  );
  if (error.retryAfterS !== null && error.retryAfterS !== undefined) {
    words.append(element("p", {}, `Wait ${error.retryAfterS} s before you try again.`));
  }
  if (onRetry) words.append(element("button", { type: "button", click: onRetry }, "Try again"));
  const path = "M12 5v9M12 18v.5";
  return element(
    "div",
    { class: "status problem", role: "alert" },
    icon("badge", "0 0 24 24", path),
    words,
  );
}
