// A link that reproduces the view: the question, the map, and either samples to send again or the answer.

const KEPT_MATCHES = 20;

/** The part after # for a state {tab, base, map, question, samples, answer, picked}. */
export function linkHash(state) {
  const hash = new URLSearchParams(state.question);
  for (const name of ["tab", "base", "map", "picked"]) {
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

/** The state that `linkHash` wrote; null where there is none or it cannot be read. */
export function readHash(hash) {
  if (hash.length < 2) return null;
  const read = new URLSearchParams(hash.slice(1));
  const state = { samples: [], question: new URLSearchParams() };
  for (const [name, value] of read) {
    if (["tab", "base", "map", "picked"].includes(name)) state[name] = value;
    else if (name === "sample") {
      const [gallery, imageId] = value.split("/").map(decodeURIComponent);
      if (gallery && imageId) state.samples.push({ gallery, imageId });
    } else if (name === "answer") {
      try {
        state.answer = JSON.parse(value);
      } catch {
        return null;
      }
    } else state.question.set(name, value);
  }
  return state.tab ? state : null;
}

function shortened(answer) {
  const { status, confidence, estimate } = answer;
  const matches = answer.matches
    .slice(0, KEPT_MATCHES)
    .map(({ image_id, score }) => [image_id, Number(score.toFixed(4))]);
  return { status, confidence, estimate, matches };
}
