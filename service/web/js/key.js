// The API key: prompted for when the service answers 401, kept for this tab only.

const STORED = "safenet-api-key";
let prompt = null;

/** Headers that carry the key, or none while no key is known. */
export function keyHeaders() {
  const key = sessionStorage.getItem(STORED);
  return key ? { "X-API-Key": key } : {};
}

/** Whether a key is being sent. */
export function hasKey() {
  return sessionStorage.getItem(STORED) !== null;
}

/** Prompt the user for a key with the service's message; false if they cancel. */
export function askForKey(reason) {
  prompt ??= openDialog(reason).finally(() => {
    prompt = null;
  });
  return prompt;
}

function openDialog(reason) {
  const dialog = document.getElementById("key-dialog");
  const field = dialog.querySelector("input");
  dialog.querySelector(".reason").textContent = reason;
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener(
      "close",
      () => {
        const key = field.value.trim();
        const given = dialog.returnValue === "use" && key !== "";
        if (given) sessionStorage.setItem(STORED, key);
        field.value = "";
        resolve(given);
      },
      { once: true },
    );
  });
}
