// A link that reproduces the view: the question, the map, and either samples to send again or the answer.
// Whoever made a link may have changed it: it is read strictly and checked against the gallery.

import { distanceM } from "./geo.js";

const KEPT_MATCHES = 54;
const STATUSES = ["match", "uncertain", "no_match"];
const AGREEMENTS = ["agree", "partly", "disagree"];
const VIEW_NAMES = ["tab", "base", "map", "picked"];
const QUESTION_NAMES = [
  "gallery", "top_k", "min_confidence", "use_image_gps", "explain",
  "latitude", "longitude", "radius_m", "bounds",
];

/** How many sides of its tile an estimate may lie from the best match. */
const REACH_SIDES = 3;
const DEFAULT_SIDE_M = 100;

/** A link that cannot be shown; the message says why. */
export class LinkError extends Error {
  constructor(reason) {
    super(`The link is damaged or was changed: ${reason}. Ask its sender for a new one.`);
    this.title = "This link cannot be shown";
  }
}

/** The part after # for a state {tab, base, map, question, samples, answer, picked}. */
export function linkHash(state) {
  const hash = new URLSearchParams(state.question);
  for (const name of VIEW_NAMES) {
    if (state[name]) hash.set(name, state[name]);
  }
  for (const { gallery, imageId } of state.samples ?? []) {
    hash.append("sample", `${encodeURIComponent(gallery)}/${encodeURIComponent(imageId)}`);
  }
  // A photo from this computer cannot travel in a link; its answer can.
  if (state.answer && !state.samples?.length) {
    hash.set("answer", JSON.stringify(shortened(state.answer)));
  }
  return `#${hash}`;
}

/** The state that `linkHash` wrote; null without one. Throws LinkError where it cannot be read. */
export function readHash(hash) {
  if (hash.length < 2) return null;
  const state = { samples: [], question: new URLSearchParams() };
  for (const [name, value] of new URLSearchParams(hash.slice(1))) {
    if (VIEW_NAMES.includes(name)) state[name] = value;
    else if (name === "sample") state.samples.push(readSample(value));
    else if (name === "answer") state.answer = readAnswer(value);
    else if (QUESTION_NAMES.includes(name)) state.question.set(name, value);
    else throw new LinkError(`it has an unknown part "${name.slice(0, 40)}"`);
  }
  require(["localize", "navigate"].includes(state.tab), "it names neither of the two tabs");
  require(!state.map || state.map.split("/").map(Number).every(Number.isFinite), "its map position is no position");
  require(!state.answer || state.question.get("gallery"), "its answer names no gallery");
  for (const name of ["latitude", "longitude", "radius_m", "top_k", "min_confidence"]) {
    const value = state.question.get(name);
    require(value === null || Number.isFinite(Number(value)), `its ${name} is no number`);
  }
  const bounds = state.question.get("bounds")?.split(",").map(Number);
  require(!bounds || (bounds.length === 4 && bounds.every(Number.isFinite)), "its box is no box");
  return state;
}

/**
 * Throw LinkError where an estimate is none that these matches of the gallery could give.
 * @param answer what the link holds
 * @param matches its matches, completed by the gallery
 * @param view what the gallery holds
 */
export function checkEstimates(answer, matches, view) {
  const estimates = [answer.estimate, ...(answer.per_image ?? []).map((alone) => alone.estimate)];
  for (const estimate of estimates.filter((one) => one)) {
    require(view === "satellite" && answer.status !== "no_match", "it has a position where there can be none");
    const isNear = matches.some((match) => distanceM(estimate, match) <= REACH_SIDES * sideM(match));
    require(isNear, "its position lies far from all of its matches in the gallery");
  }
}

function sideM({ bounds }) {
  if (!bounds) return DEFAULT_SIDE_M;
  const [west, south, east, north] = bounds;
  const southWest = { latitude: south, longitude: west };
  return distanceM(southWest, { latitude: north, longitude: east });
}

function require(isGood, reason) {
  if (!isGood) throw new LinkError(reason);
}

function readSample(text) {
  let parts = [];
  try {
    parts = text.split("/").map(decodeURIComponent);
  } catch {
    // A broken escape is refused below.
  }
  const [gallery, imageId] = parts;
  require(parts.length === 2 && gallery && imageId, "it names no image of a gallery");
  return { gallery, imageId };
}

function readAnswer(text) {
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    // What is no JSON is refused below.
  }
  require(answer !== null && typeof answer === "object", "its answer cannot be read");
  const { status, confidence, estimate, agreement = null, matches, per_image: alone = null } = answer;
  readFinding({ status, confidence, estimate });
  require(agreement === null || AGREEMENTS.includes(agreement), "its answer cannot be read");
  require(Array.isArray(matches) && matches.length <= KEPT_MATCHES, "its matches are no list");
  for (const match of matches) {
    const isMatch = Array.isArray(match) && typeof match[0] === "string" && Number.isFinite(match[1]);
    require(isMatch, "its matches cannot be read");
  }
  require(alone === null || Array.isArray(alone), "its photos are no list");
  for (const one of alone ?? []) {
    readFinding(one ?? {});
    require(Number.isInteger(one.image), "its photos cannot be read");
  }
  return { status, confidence, estimate, agreement, matches, per_image: alone };
}

function readFinding({ status, confidence, estimate }) {
  require(STATUSES.includes(status), "its status is unknown");
  require(confidence >= 0 && confidence <= 1, "its confidence is no share");
  if (estimate === null) return;
  require(typeof estimate === "object", "its position cannot be read");
  const { latitude, longitude, accuracy_m_68, accuracy_m_95, heading_deg } = estimate;
  const isPlace = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
  const hasRadii = accuracy_m_68 >= 0 && accuracy_m_95 >= accuracy_m_68 && accuracy_m_95 < 1e6;
  const hasHeading = (heading_deg ?? null) === null || Number.isFinite(heading_deg);
  require(isPlace && hasRadii && hasHeading, "its position cannot be read");
}

function shortened(answer) {
  const { status, confidence, estimate, agreement } = answer;
  const matches = answer.matches
    .slice(0, KEPT_MATCHES)
    .map(({ image_id, score }) => [image_id, Number(score.toFixed(4))]);
  const short = { status, confidence, estimate, matches };
  if (agreement !== "disagree") return short;
  const alone = ({ image, ...one }) => ({
    image, status: one.status, confidence: one.confidence, estimate: one.estimate,
  });
  return { ...short, agreement, per_image: answer.per_image.map(alone) };
}
