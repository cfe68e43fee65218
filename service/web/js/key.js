// The API key: asked for when the service says 401, kept for this tab only.

const STORED = "safenet-api-key";
let asking = null;

/** Headers that carry the key, or none while no key is known. */
export function keyHeaders() {
  const key = sessionStorage.getItem(STORED);
  return key ? { "X-API-Key": key } : {};
}

/** Whether a key is being sent. */
export function hasKey() {
  return sessionStorage.getItem(STORED) !== null;
}

/** Ask the user for a key, with the service's own words; false if they would rather not. */
export function askForKey(reason) {
  asking ??= openDialog(reason).finally(() => {
    asking = null;
  });
  return asking;
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
