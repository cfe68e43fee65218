// Geometry on the globe; degrees WGS 84.

/** Great-circle metres between two {latitude, longitude} (haversine, mean radius of WGS 84). */
export function distanceM(a, b) {
  const rad = Math.PI / 180;
  const dPhi = (b.latitude - a.latitude) * rad;
  const dLambda = (b.longitude - a.longitude) * rad;
  const chord =
    Math.sin(dPhi / 2) ** 2 +
    Math.cos(a.latitude * rad) * Math.cos(b.latitude * rad) * Math.sin(dLambda / 2) ** 2;
  return 2 * 6371008.8 * Math.asin(Math.min(1, Math.sqrt(chord)));
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
