// The page: joins the connection, the microphone, the transcript and the readings to what is on screen.

import { enterToken, isAuthorised, onTokenWanted } from "./modules/api.js";
import { askForToken, tokenEntered, tokenFromAddress } from "./modules/dialogs.js";
import { Editor } from "./modules/editor.js";
import { Gallery } from "./modules/gallery.js";
import { Microphone, pressOrHold } from "./modules/microphone.js";
import { Notices } from "./modules/notices.js";
import { Readings } from "./modules/readings.js";
import { Session } from "./modules/session.js";
import { Transcript } from "./modules/transcript.js";

const element = (id) => document.getElementById(id);
const LANGUAGES = { en: "English", de: "Deutsch" };
const RENDERERS = { warp: "mesh warp", liveportrait: "LivePortrait", "liveportrait-baked": "LivePortrait, baked" };

const session = new Session();
const microphone = new Microphone();
const transcript = new Transcript();
const notices = new Notices();
const gallery = new Gallery();
const editor = new Editor();
const video = element("portrait");
const readings = new Readings(video, session);

let state = { conversation: "idle", emotion: "neutral", character: null, characters: [], listening: false };
/** Who was on stage last: a character whose file has just been broken stays there, though it is listed no more. */
let seen = null;
function character() {
  seen = state.characters.find(({ id }) => id === state.character) ?? (seen?.id === state.character ? seen : null);
  return seen;
}
const name = () => character()?.name ?? "The character";

// Connection ------------------------------------------------------------------------------------------------------

let countdown = 0;
session.addEventListener("phase", ({ detail: { phase, why, until } }) => {
  clearInterval(countdown);
  if (document.body.dataset.phase === "connected" && phase !== "connected") remember();
  document.body.dataset.phase = phase === "stopped" ? "waiting" : phase;
  const say = (short, long) => {
    element("connection-text").textContent = short;
    element("veil-text").textContent = long;
  };
  element("retry").hidden = phase === "connecting" || phase === "connected";
  if (phase === "connecting") say("Connecting", "Waking the portrait");
  if (phase === "stopped") say("Not connected", why);
  if (phase === "connected") {
    say("Connected", "");
    readings.reset();
    if (microphone.state === "on") session.send({ type: "listen", on: true });
  }
  if (phase === "waiting") {
    transcript.forgetUnfinished();
    element("connection-text").textContent = "Not connected";
    const count = () => {
      const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      element("veil-text").textContent = `${why} Trying again ${left > 0 ? `in ${left} s` : "now"}.`;
    };
    count();
    countdown = setInterval(count, 250);
  }
  refresh();
});
element("retry").addEventListener("click", () => session.retry());

session.addEventListener("message", ({ detail: event }) => {
  switch (event.type) {
    case "state":
      tellOnce(event.notices ?? []);
      state = event;
      return refresh();
    case "transcript":
      return transcript.add(event, event.speaker === "user" ? "You" : name());
    case "problem":
      return notices.show(event.text);
    case "stats":
      return readings.stats(event);
    case "pong":
      return readings.pong(event);
  }
});

/** What stands for the whole session (another voice speaks, …) is told when it begins, also to who comes later. */
let told = [];
function tellOnce(standing) {
  for (const words of standing) if (!told.includes(words)) notices.show(words);
  told = standing;
}

function order(command) {
  if (!session.send(command)) notices.show("There is no connection at the moment; it is being made again.");
}

// Picture and sound -----------------------------------------------------------------------------------------------

session.addEventListener("picture", ({ detail: stream }) => {
  if (video.srcObject !== stream) video.srcObject = stream;
  play();
});
video.addEventListener("playing", () => video.parentElement.classList.add("has-picture"));

/** Plays with sound; where the browser wants a press first, the picture moves in silence and a button asks for it. */
async function play() {
  try {
    await video.play();
    if (!video.muted) element("start-sound").hidden = true;
  } catch (error) {
    if (error.name !== "NotAllowedError") return; // A newer stream took its place.
    element("start-sound").hidden = false;
    video.muted = true;
    showSound();
    video.play().catch((reason) => console.error(reason));
  }
}

/** Keeps the last picture, to be shown while there is no connection. */
function remember() {
  const memory = element("memory");
  if (!video.videoWidth) return;
  [memory.width, memory.height] = [video.videoWidth, video.videoHeight];
  memory.getContext("2d").drawImage(video, 0, 0);
}

function setSound(on) {
  video.muted = !on;
  element("start-sound").hidden = true;
  showSound();
  if (video.srcObject) play();
}
function showSound() {
  element("sound").setAttribute("aria-pressed", String(!video.muted));
}
element("start-sound").addEventListener("click", () => {
  setSound(true);
  element("microphone").focus();
});
element("sound").addEventListener("click", () => setSound(video.muted));

// Microphone ------------------------------------------------------------------------------------------------------

pressOrHold(element("microphone"), () => microphone.state !== "off", async (on) => {
  if (on) {
    if (!element("start-sound").hidden) setSound(true);
    const track = await microphone.start();
    if (!track) return;
    await session.speakWith(track);
    order({ type: "listen", on: true });
  } else if (await microphone.stop()) {
    session.send({ type: "listen", on: false });
    await session.speakWith(null);
  }
});
microphone.addEventListener("change", ({ detail: { state: now } }) => {
  document.body.dataset.microphone = now;
  element("microphone").setAttribute("aria-pressed", String(now !== "off"));
  element("microphone-label").textContent = { off: "Talk", asking: "Asking", on: "Mic on" }[now];
  refresh();
});
microphone.addEventListener("level", ({ detail: level }) => {
  element("microphone").style.setProperty("--level", level.toFixed(3));
});
microphone.addEventListener("gone", async () => {
  session.send({ type: "listen", on: false });
  await session.speakWith(null);
});
microphone.addEventListener("problem", ({ detail: words }) => notices.show(words));

// Words, moods, characters ----------------------------------------------------------------------------------------

const text = element("text");
function give(type) {
  const words = text.value.trim();
  if (!words) return text.focus();
  if (!session.send({ type, text: words })) return notices.show("There is no connection; your words were not sent.");
  if (!element("start-sound").hidden) setSound(true);
  text.value = "";
  text.dispatchEvent(new Event("input"));
  text.focus();
}
element("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  give("chat");
});
element("speak").addEventListener("click", () => give("say"));
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  give(event.ctrlKey || event.metaKey ? "say" : "chat");
});
text.addEventListener("input", () => {
  if (!CSS.supports("field-sizing", "content")) {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 2}px`;
  }
  refresh();
});

const stop = () => session.send({ type: "stop" });
element("stop").addEventListener("click", () => order({ type: "stop" }));
element("moods").addEventListener("click", ({ target }) => {
  const emotion = target.closest("button")?.dataset.emotion;
  if (emotion) order({ type: "emotion", emotion });
});
element("character").addEventListener("change", ({ target }) => order({ type: "activate", id: target.value }));

// Gallery and editor ----------------------------------------------------------------------------------------------

const VIEWS = ["talk", "gallery", "editor"];
/** Shows one of the three sides; problems are told on whichever it is. */
function view(name, focus) {
  for (const one of VIEWS) element(`view-${one}`).hidden = one !== name;
  document.body.dataset.view = name;
  const foot = { talk: "composer", editor: "editor" }[name];
  element(`view-${name}`).insertBefore(element("notices"), foot ? element(foot) : null);
  focus?.focus();
}
async function edit(id) {
  const summary = state.characters.find((one) => one.id === id);
  try {
    await editor.open(summary ?? { id });
  } catch (error) {
    return notices.show(error.message);
  }
  // What is tried out is seen on the character itself.
  if (id !== state.character) order({ type: "activate", id });
  view("editor", element("editor-title"));
}
function backToGallery() {
  view("gallery", element("gallery-title"));
  gallery.opened();
}

element("open-gallery").addEventListener("click", backToGallery);
element("close-gallery").addEventListener("click", () => view("talk", element("open-gallery")));
gallery.addEventListener("choose", ({ detail: id }) => order({ type: "activate", id }));
gallery.addEventListener("edit", ({ detail: id }) => edit(id));
for (const source of [gallery, editor]) source.addEventListener("problem", ({ detail: words }) => notices.show(words));
gallery.addEventListener("made", ({ detail: id }) => {
  // Whoever does something else by now is not taken away from it.
  if (document.body.dataset.view === "gallery") edit(id);
  else notices.show("The new character is in the gallery.");
});
editor.addEventListener("made", ({ detail: id }) => edit(id));
// A file that misses its place does not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
editor.addEventListener("try", ({ detail: face }) => session.send({ type: "try_face", ...face }));
editor.addEventListener("untry", () => session.send({ type: "emotion", emotion: state.emotion }));
editor.addEventListener("done", backToGallery);

const gauge = element("gauge");
function setReadings(open) {
  gauge.setAttribute("aria-expanded", String(open));
  element("readings").hidden = !open;
}
gauge.addEventListener("click", () => setReadings(element("readings").hidden));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (document.querySelector("dialog[open]")) return;
  if (!element("readings").hidden) {
    setReadings(false);
    gauge.focus();
  } else stop();
});

// What is shown of the state --------------------------------------------------------------------------------------

function refresh() {
  const connected = session.connected;
  document.body.dataset.conversation = state.conversation;
  const waking = state.character === null && state.characters.length > 0;
  const words = { idle: microphone.state === "on" ? "Ready to listen" : "At ease", listening: "Listening", thinking: "Thinking", speaking: "Speaking" };
  put(element("state-text"), waking ? "Getting ready" : (words[state.conversation] ?? state.conversation));

  const renderer = RENDERERS[state.renderer] ?? state.renderer;
  element("drawn").hidden = !connected || !renderer;
  put(element("drawn"), `Drawn by ${renderer}`);
  put(element("reading-renderer"), renderer ?? "–");
  for (const id of ["drawn", "reading-renderer"]) {
    // Why nothing better does.
    if (state.renderer_reason) element(id).title = state.renderer_reason;
    else element(id).removeAttribute("title");
  }

  for (const button of element("moods").children) {
    button.disabled = !connected;
    button.setAttribute("aria-pressed", String(button.dataset.emotion === state.emotion));
  }
  const hasWords = text.value.trim() !== "";
  for (const id of ["ask", "speak"]) element(id).disabled = !connected || !hasWords;
  element("stop").disabled = !connected;

  const select = element("character");
  const choices = state.characters.includes(character()) || !character() ? state.characters : [...state.characters, character()];
  const listed = JSON.stringify(choices);
  if (select.dataset.listed !== listed) {
    select.dataset.listed = listed;
    select.replaceChildren(...choices.map(({ id, name: label }) => new Option(label, id)));
  }
  if (state.character !== null) select.value = state.character;
  select.disabled = !connected || state.characters.length < 2;
  element("languages").textContent = (character()?.languages ?? []).map((code) => LANGUAGES[code] ?? code).join(" · ");
  gallery.show(state.characters, state.character);
  editor.refresh(character());
  text.placeholder = character() ? `Write to ${character().name}` : "Write something";
  document.title = character() ? `${character().name} · Visage` : "Visage";
}

/** Sets a text only when it changes, so that screen readers do not repeat it. */
function put(target, words) {
  if (target.textContent !== words) target.textContent = words;
}

onTokenWanted(askForToken);
session.addEventListener("refused", async () => {
  await askForToken();
  session.retry();
});

/** Lets itself in with the token of the address, or asks for it, before anything else is asked of the server. */
async function enter() {
  const token = tokenFromAddress();
  if (token !== null) await enterToken(token).then(tokenEntered, ({ message }) => notices.show(message));
  if (!(await isAuthorised())) await askForToken();
}
addEventListener("hashchange", enter);

await enter();
refresh();
session.connect();
