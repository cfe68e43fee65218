// Requests to the service: same origin only, with the key; errors carry the service's message.

import { askForKey, keyHeaders } from "./key.js";

/** The service's address; the page may be served below a prefix. */
export const ROOT = new URL("../../", import.meta.url);

/** An error response of the service (RFC 9457). */
export class Problem extends Error {
  constructor(status, body, retryAfterS = null) {
    super(body.detail || body.title || `the service answered ${status}`);
    this.status = status;
    this.title = body.title || `Status ${status}`;
    this.retryAfterS = retryAfterS;
  }
}

/** Absolute address of a path of the service ("galleries", "/galleries/a/images/b"). */
export function address(path) {
  const url = new URL(path, ROOT);
  if (path.startsWith("/") && !url.pathname.startsWith(ROOT.pathname)) {
    return new URL(path.slice(1), ROOT);
  }
  return url;
}

/** GET that prompts for a key when one is needed; returns a Response that is ok. */
async function get(path, signal) {
  for (;;) {
    const response = await fetch(address(path), { headers: keyHeaders(), signal }).catch(offline);
    if (response.ok) return response;
    const problem = await problemOf(response.status, await response.text(), response.headers);
    if (response.status !== 401 || !(await askForKey(problem.message))) throw problem;
  }
}

/** GET a JSON document. */
export async function getJson(path, signal) {
  return (await get(path, signal)).json();
}

/** GET a JSON document from a service that may still be loading: retries every second. */
export async function getJsonWhenLoaded(path) {
  for (;;) {
    try {
      return await getJson(path);
    } catch (problem) {
      if (problem.status !== 503) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

/** Send a JSON document (or nothing) and return the one that comes back; prompts for a key. */
export async function sendJson(method, path, body) {
  for (;;) {
    const headers = { ...keyHeaders(), ...(body ? { "Content-Type": "application/json" } : {}) };
    const text = body && JSON.stringify(body);
    const response = await fetch(address(path), { method, headers, body: text }).catch(offline);
    if (response.ok) return response.status === 204 ? null : response.json();
    const problem = await problemOf(response.status, await response.text(), response.headers);
    if (response.status !== 401 || !(await askForKey(problem.message))) throw problem;
  }
}

/** PUT a file; `onUpload` is called with the bytes that were sent. */
export function sendFile(path, file, onUpload) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", address(path));
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onUpload(event.loaded);
    request.onerror = () => reject(unreachable());
    request.onload = async () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      const headers = { get: (name) => request.getResponseHeader(name) };
      reject(await problemOf(request.status, request.responseText, headers));
    };
    request.send(file);
  });
}

/** GET a text. */
export async function getText(path, signal) {
  return (await get(path, signal)).text();
}

/** GET a picture. */
export async function getBlob(path, signal) {
  return (await get(path, signal)).blob();
}

/**
 * POST images to /localize or /navigate.
 * @param route "localize" or "navigate"
 * @param parameters URLSearchParams of the question
 * @param images [{blob, name}], sent as repeated multipart field `image`
 * @param onUpload called with the share of bytes sent, 0..1
 * @returns {abort, answer}: a way to stop, and a promise of the body as a Blob
 */
export function postQuestion(route, parameters, images, onUpload = () => {}) {
  let request = null;
  let stopped = false;
  const send = () =>
    new Promise((resolve, reject) => {
      request = new XMLHttpRequest();
      request.open("POST", new URL(`${route}?${parameters}`, ROOT));
      for (const [name, value] of Object.entries(keyHeaders())) {
        request.setRequestHeader(name, value);
      }
      request.responseType = "blob";
      request.upload.onprogress = (event) => onUpload(event.loaded / Math.max(1, event.total));
      request.onload = () => resolve(request);
      request.onerror = () => reject(unreachable());
      request.onabort = () => reject(new DOMException("stopped", "AbortError"));
      const body = new FormData();
      for (const image of images) body.append("image", image.blob, image.name);
      request.send(body);
    });
  const run = async () => {
    for (;;) {
      const reply = await send();
      if (reply.status >= 200 && reply.status < 300) return reply.response;
      const headers = { get: (name) => reply.getResponseHeader(name) };
      const problem = await problemOf(reply.status, await reply.response.text(), headers);
      const again = reply.status === 401 && (await askForKey(problem.message));
      if (!again || stopped) throw problem;
    }
  };
  const abort = () => {
    stopped = true;
    request?.abort();
  };
  return { abort, answer: run() };
}

async function problemOf(status, text, headers) {
  const retryAfterS = Number.parseInt(headers.get("Retry-After") ?? "", 10);
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // A proxy in between answered without JSON; the status is all there is.
  }
  return new Problem(status, body, Number.isNaN(retryAfterS) ? null : retryAfterS);
}

function offline(error) {
  throw error.name === "AbortError" ? error : unreachable();
}

function unreachable() {
  return new Problem(0, {
    title: "No answer",
    detail: "The service did not answer; check that it is running, then try again.",
  });
}
