// The frames of a flight: photos in order, or pictures taken out of a video in the browser.

import { exifTakenAt } from "./exif.js";
import { countedOn, spread } from "./flight_clock.js";

const LONGEST_SIDE_PX = 1600;
const JPEG_QUALITY = 0.9;

/** All files below what was dropped, folders opened. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const found = await Promise.all(entries.map(filesBelow));
  return found.flat();
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((done, failed) => entry.file(done, failed))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const part = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!part.length) return found;
    for (const child of part) found.push(...(await filesBelow(child)));
  }
}

/**
 * Order what was chosen: one video, or photos by their EXIF times, else by name.
 * Returns {video} or {photos: [{file, time}], note}; times are seconds.
 */
export async function flightOf(files, everyS) {
  const video = files.find((file) => file.type.startsWith("video/"));
  if (video) return { video, note: files.length > 1 ? "The first video is the flight." : "" };
  const photos = files.filter((file) => file.type.startsWith("image/"));
  const byName = new Intl.Collator("en", { numeric: true });
  photos.sort((a, b) => byName.compare(pathOf(a), pathOf(b)));
  const taken = await Promise.all(photos.map(exifTakenAt));
  const timed = taken.every((time) => time !== null);
  const stands = timed && photos.length > 1 && new Set(taken).size === 1;
  const known = timed && !stands;
  const clock = known ? countedOn(taken) : { times: photos.map((_, i) => i * everyS), jumps: [] };
  const frames = photos.map((file, i) => ({ file, time: clock.times[i] }));
  frames.sort((a, b) => a.time - b.time);
  const times = spread(frames.map(({ time }) => time - frames[0].time));
  const notes = [];
  if (!timed) notes.push(`Photos without times are taken ${everyS} s apart.`);
  if (stands) notes.push(`All photos have one time: they are taken ${everyS} s apart.`);
  notes.push(...jumpNotes(clock.jumps, photos), ...leftNotes(files.length - photos.length));
  return { photos: frames.map(({ file }, i) => ({ file, time: times[i] })), note: notes.join(" ") };
}

function jumpNotes(jumps, photos) {
  if (!jumps.length) return [];
  const times = jumps.length === 1 ? "1 time" : `${jumps.length} times`;
  const first = photos[jumps[0]].name;
  return [`The clock jumps back ${times}, first at ${first}: it is counted on from there.`];
}

function leftNotes(count) {
  if (!count) return [];
  const files = count === 1 ? "1 file is" : `${count} files are`;
  return [`${files} neither photo nor video and left out.`];
}

function pathOf(file) {
  return file.webkitRelativePath || file.name;
}

/** Yield {blob, name, time} for each frame of a flight; a video gives one every `everyS`. */
export async function* framesOf(flight, everyS) {
  if (!flight.video) {
    for (const { file, time } of flight.photos) yield { blob: file, name: file.name, time };
    return;
  }
  const player = document.createElement("video");
  player.muted = true;
  player.preload = "auto";
  player.src = URL.createObjectURL(flight.video);
  try {
    await happens(player, "loadeddata", `${flight.video.name} cannot be played by this browser.`);
    if (!player.videoWidth) throw new Error(`${flight.video.name} holds no picture.`);
    const canvas = pictureSize(player);
    for (let time = 0; time < Math.max(player.duration, 1e-3); time += everyS) {
      player.currentTime = time;
      await happens(player, "seeked", `${flight.video.name} breaks off at ${time} s.`);
      canvas.getContext("2d").drawImage(player, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", JPEG_QUALITY));
      yield { blob, name: `${flight.video.name} at ${time.toFixed(1)} s`, time };
    }
  } finally {
    URL.revokeObjectURL(player.src);
  }
}

/** Number of frames that `framesOf` yields; null for a video, whose length is not known yet. */
export function frameCount(flight) {
  return flight.video ? null : flight.photos.length;
}

function pictureSize(player) {
  const shrink = Math.min(1, LONGEST_SIDE_PX / Math.max(player.videoWidth, player.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(player.videoWidth * shrink);
  canvas.height = Math.round(player.videoHeight * shrink);
  return canvas;
}

function happens(player, event, problem) {
  return new Promise((done, failed) => {
    player.addEventListener(event, done, { once: true });
    player.addEventListener("error", () => failed(new Error(problem)), { once: true });
  });
}
