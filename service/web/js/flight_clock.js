// The times of a flight's photos where their clock jumped back, or has whole seconds only: as
// indexer/tracking/clock.py, which reads flights from files.

const SHORTEST_RUN = 4; // where times rise for fewer, names are in another order than times

/** Times, in the order of the names, in which a clock that jumped back goes on; and the jumps. */
export function countedOn(times) {
  const jumps = [...times.keys()].filter((row) => row > 0 && times[row] < times[row - 1]);
  const starts = [0, ...jumps];
  const runs = starts.map((start, i) => times.slice(start, starts[i + 1]));
  const isShort = runs.some((run) => run.length < SHORTEST_RUN);
  const isOther = isShort || jumps.some((row) => isSingle(times, row));
  if (isOther || !overlap(runs)) return { times, jumps: [] };
  const steps = times.slice(1).map((time, i) => time - times[i]).filter((step) => step > 0);
  const usual = steps.sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const found = [];
  for (const run of runs) {
    const behind = found.length ? found.at(-1) + usual - run[0] : 0;
    found.push(...run.map((time) => time + behind));
  }
  return { times: found, jumps };
}

/** Sorted times, those of the same whole second spread over it. */
export function spread(times) {
  if (times.some((time) => time % 1)) return times;
  return times.map((time, i) => {
    const first = times.indexOf(time);
    return time + (i - first) / (times.lastIndexOf(time) - first + 1);
  });
}

/** Whether times go back at a row because one photo alone is out of order there. */
function isSingle(times, row) {
  return times[row + 1] >= times[row - 1] || times[row] >= times[row - 2];
}

function overlap(runs) {
  const sorted = [...runs].sort((a, b) => a[0] - b[0]);
  return sorted.some((run, i) => i > 0 && run[0] < sorted[i - 1].at(-1));
}
