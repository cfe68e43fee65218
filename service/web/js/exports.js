// Taking an answer along: copy, files, and the same question on a command line.

import { ROOT } from "./api.js";
import { hasKey } from "./key.js";

/** Formats to download; those with `hasPhoto` need a photo whose outline on the ground is known. */
export const FORMATS = [
  { format: "geojson", words: "GeoJSON" },
  { format: "gpx", words: "GPX" },
  { format: "kml", words: "KML" },
  { format: "kmz", words: "KMZ with the photo", hasPhoto: true },
  { format: "geotiff", words: "GeoTIFF of the photo", hasPhoto: true },
];

/** Put text on the clipboard, also where the page is not a secure context. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** Hand the browser a file to save. */
export function save(content, fileName) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/octet-stream" }));
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** The curl command that sends the same question; the key is a shell variable, never its value. */
export function curlCommand(route, parameters, fileNames) {
  const lines = [`curl '${quoted(new URL(`${route}?${parameters}`, ROOT).href)}'`];
  if (hasKey()) lines.push(`-H "X-API-Key: $SAFENET_KEY"`);
  for (const name of fileNames) lines.push(`-F 'image=@${quoted(name)}'`);
  return lines.join(" \\\n  ");
}

function quoted(text) {
  return text.replaceAll("'", `'\\''`);
}
