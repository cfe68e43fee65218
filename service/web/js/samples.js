// Images to try: some of what a gallery holds, evenly spread.

import { getBlob, getJson } from "./api.js";

const OFFERED = 6;
const LISTED = 2000;

/** Up to six {gallery, imageId, latitude, longitude} of a gallery. */
export async function sampleRefs(gallery) {
  const path = `galleries/${encodeURIComponent(gallery.name)}/footprints?limit=${LISTED}`;
  const { features } = await getJson(path);
  const step = features.length / Math.min(OFFERED, features.length);
  const chosen = [];
  for (let at = step / 2; at < features.length; at += step) chosen.push(features[Math.floor(at)]);
  return chosen.map((feature) => ({ gallery: gallery.name, imageId: feature.id }));
}

/** Path of a gallery image's picture. */
export function picturePath({ gallery, imageId }) {
  return `galleries/${encodeURIComponent(gallery)}/images/${encodeURIComponent(imageId)}`;
}

/** Turn a reference into an image of a question; its position is known. */
export async function loadSample(ref) {
  const path = picturePath(ref);
  const [blob, meta] = await Promise.all([getBlob(path), getJson(`${path}/meta`)]);
  const what = meta.view === "drone" ? "Where the sample was taken" : "Where the tile lies";
  const own = {
    latitude: meta.latitude,
    longitude: meta.longitude,
    label: `${what} (not sent)`,
  };
  return { blob, name: `${ref.imageId}.jpg`, own, ref };
}
