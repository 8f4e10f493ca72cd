// Questions that stop everything else: the server's token, and whether something is really to go.

import { enterToken } from "./api.js";

const element = (id) => document.getElementById(id);

/** Asks whether something is to be done; true if so. */
export function confirm(title, text, yes) {
  const dialog = element("confirm");
  element("confirm-title").textContent = title;
  element("confirm-text").textContent = text;
  element("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true });
  });
}

/** The token from the address, which then leaves the address, so that it is not shared with it. */
export function tokenFromAddress() {
  if (!location.hash.startsWith("#token=")) return null;
  const token = location.hash.slice("#token=".length);
  history.replaceState(null, "", location.pathname + location.search);
  return token;
}

let asking = null;
let answered = null;

/** Asks for the token until it is the right one. Whoever asks meanwhile waits for the same answer. */
export function askForToken() {
  asking ??= new Promise((done) => {
    const dialog = element("ask-token");
    const form = dialog.querySelector("form");
    const enter = async (event) => {
      event.preventDefault();
      element("token-wrong").textContent = "";
      const wrong = await enterToken(element("token").value.trim()).then(() => null, (error) => error);
      if (!wrong) return answered?.();
      element("token-wrong").textContent = wrong.message;
      element("token").select();
    };
    // There is nothing to see without it.
    const again = () => dialog.showModal();
    answered = () => {
      element("token").value = "";
      form.removeEventListener("submit", enter);
      dialog.removeEventListener("close", again);
      dialog.close();
      asking = answered = null;
      done();
    };
    form.addEventListener("submit", enter);
    dialog.addEventListener("close", again);
    dialog.showModal();
  });
  return asking;
}

/** The token has come another way. */
export function tokenEntered() {
  answered?.();
}
