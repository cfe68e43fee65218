// The GPS position and the time that a JPEG carries; the service never sees this.
// Source: CIPA DC-008 (Exif 2.32): APP1 "Exif\0\0", then a TIFF header, IFD0 and the GPS IFD.

const GPS_IFD_POINTER = 0x8825;
const EXIF_IFD_POINTER = 0x8769;
const TAKEN_AT = 0x9003;
const TIME_TEXT_BYTES = 19;
const LATITUDE_REF = 1;
const LATITUDE = 2;
const LONGITUDE_REF = 3;
const LONGITUDE = 4;
const HEADER_BYTES = 256 * 1024;

/** {latitude, longitude} in degrees WGS 84, or null where the file has none that can be read. */
export function exifPosition(file) {
  return readHeader(file, readPosition);
}

/** Seconds since 1970 of the camera's clock, or null where the file has no time that can be read. */
export function exifTakenAt(file) {
  return readHeader(file, readTime);
}

async function readHeader(file, read) {
  const bytes = await file.slice(0, HEADER_BYTES).arrayBuffer();
  try {
    const tiff = findTiff(new DataView(bytes));
    return tiff && read(tiff);
  } catch (error) {
    if (error instanceof RangeError) return null; // an offset points outside the file
    throw error;
  }
}

function findTiff(view) {
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return null;
  let at = 2;
  while (at + 10 < view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xda || marker === 0xd9) return null;
    const length = view.getUint16(at + 2);
    const isExif = marker === 0xe1 && view.getUint32(at + 4) === 0x45786966;
    if (isExif) {
      const start = view.byteOffset + at + 10;
      return new DataView(view.buffer, start, Math.min(length - 8, view.buffer.byteLength - start));
    }
    at += 2 + length;
  }
  return null;
}

function readPosition(tiff) {
  const little = tiff.getUint16(0) === 0x4949;
  const pointer = entries(tiff, tiff.getUint32(4, little), little).get(GPS_IFD_POINTER);
  if (pointer === undefined) return null;
  const gps = entries(tiff, tiff.getUint32(pointer, little), little);
  if (!gps.has(LATITUDE) || !gps.has(LONGITUDE)) return null;
  const sign = (tag, negative) =>
    gps.has(tag) && String.fromCharCode(tiff.getUint8(gps.get(tag))) === negative ? -1 : 1;
  const latitude = sign(LATITUDE_REF, "S") * degrees(tiff, gps.get(LATITUDE), little);
  const longitude = sign(LONGITUDE_REF, "W") * degrees(tiff, gps.get(LONGITUDE), little);
  const usable = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
  // A camera without a fix writes zeros.
  return usable && (latitude !== 0 || longitude !== 0) ? { latitude, longitude } : null;
}

function readTime(tiff) {
  const little = tiff.getUint16(0) === 0x4949;
  const pointer = entries(tiff, tiff.getUint32(4, little), little).get(EXIF_IFD_POINTER);
  if (pointer === undefined) return null;
  const field = entries(tiff, tiff.getUint32(pointer, little), little).get(TAKEN_AT);
  if (field === undefined) return null;
  const start = tiff.getUint32(field, little);
  const letters = Array.from({ length: TIME_TEXT_BYTES }, (_, i) => tiff.getUint8(start + i));
  const parts = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(String.fromCharCode(...letters));
  if (!parts) return null;
  const [year, month, ...rest] = parts.slice(1).map(Number);
  const time = Date.UTC(year, month - 1, ...rest) / 1000;
  return year > 0 && Number.isFinite(time) ? time : null;
}

/** Tag → position of its 4-byte value field. */
function entries(tiff, start, little) {
  const found = new Map();
  const count = tiff.getUint16(start, little);
  for (let i = 0; i < count; i += 1) {
    const at = start + 2 + 12 * i;
    found.set(tiff.getUint16(at, little), at + 8);
  }
  return found;
}

/** Three rationals (degrees, minutes, seconds) as degrees; NaN where a denominator is 0. */
function degrees(tiff, field, little) {
  const start = tiff.getUint32(field, little);
  const rational = (i) => {
    const top = tiff.getUint32(start + 8 * i, little);
    const bottom = tiff.getUint32(start + 8 * i + 4, little);
    return bottom === 0 ? (top === 0 ? 0 : NaN) : top / bottom;
  };
  return rational(0) + rational(1) / 60 + rational(2) / 3600;
}
