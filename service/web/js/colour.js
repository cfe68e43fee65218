// Colours of scores: one ramp from violet (low) to yellow (high), readable over imagery.

const STOPS = [
  [106, 61, 154],
  [197, 61, 135],
  [240, 107, 79],
  [255, 176, 59],
  [255, 240, 92],
];

/** CSS colour of a share 0..1 along the ramp. */
export function rampColour(share) {
  const at = Math.max(0, Math.min(1, share)) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(at));
  const mixed = STOPS[low].map((value, i) => value + (STOPS[low + 1][i] - value) * (at - low));
  return `rgb(${mixed.map(Math.round).join(" ")})`;
}

/** A function score → colour, stretched over the scores of one answer. */
export function scoreColours(scores) {
  const low = Math.min(...scores);
  const high = Math.max(...scores);
  return (score) => rampColour(high > low ? (score - low) / (high - low) : 1);
}
