// Geometry on the globe; degrees WGS 84.

const EQUATOR_RADIUS_M = 6378137;
const FLATTENING = 1 / 298.257223563;

/**
 * Metres along the ellipsoid between two {latitude, longitude}.
 * Source: Lambert's formula for long lines; within 10 m over thousands of kilometres.
 */
export function distanceM(a, b) {
  const rad = Math.PI / 180;
  const [betaA, betaB] = [a, b].map(({ latitude }) =>
    Math.atan((1 - FLATTENING) * Math.tan(latitude * rad)),
  );
  const halfLambda = ((b.longitude - a.longitude) * rad) / 2;
  const [p, q] = [(betaA + betaB) / 2, (betaB - betaA) / 2];
  const chord = Math.sin(q) ** 2 + Math.cos(betaA) * Math.cos(betaB) * Math.sin(halfLambda) ** 2;
  const sigma = 2 * Math.asin(Math.min(1, Math.sqrt(chord)));
  if (sigma === 0) return 0;
  const [sinHalf, cosHalf] = [Math.sin(sigma / 2), Math.max(1e-9, Math.cos(sigma / 2))];
  const x = (sigma - Math.sin(sigma)) * ((Math.sin(p) * Math.cos(q)) / cosHalf) ** 2;
  const y = (sigma + Math.sin(sigma)) * ((Math.cos(p) * Math.sin(q)) / sinHalf) ** 2;
  return EQUATOR_RADIUS_M * (sigma - (FLATTENING / 2) * (x + y));
}

/** Metres from a {latitude, longitude} to the box [west, south, east, north]; 0 within it. */
export function metresBeyond([west, south, east, north], { latitude, longitude }) {
  const span = (east - west + 360) % 360;
  const beyond = (longitude - west + 720) % 360;
  const nearest = beyond <= span ? longitude : beyond - span < 360 - beyond ? east : west;
  const within = { latitude: Math.min(north, Math.max(south, latitude)), longitude: nearest };
  return distanceM(within, { latitude, longitude });
}

/** Whether a {lat, lng} lies in a ring of [latitude, longitude] (even-odd rule). */
export function insideRing(ring, { lat, lng }) {
  let inside = false;
  ring.forEach(([latA, lonA], i) => {
    const [latB, lonB] = ring.at(i - 1);
    const crosses = latA > lat !== latB > lat;
    if (crosses && lng < lonA + ((lat - latA) * (lonB - lonA)) / (latB - latA)) inside = !inside;
  });
  return inside;
}
