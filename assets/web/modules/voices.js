// Who can speak: the voices as a choice, the cloned ones as a list from which they can go, and a sentence to hear one by.
//
// Events: "problem" (detail: words), "change" (the list is another one).

import { call, sound } from "./api.js";
import { confirm } from "./dialogs.js";
import { make } from "./gallery.js";

const element = (id) => document.getElementById(id);
const ENGINES = { piper: "Piper", kokoro: "Kokoro", "espeak-ng": "eSpeak NG", "xtts-v2": "XTTS", clone: "Cloned" };
/** Samples a second of what is heard. */
const RATE = 48_000;
/** What a voice says to be heard. */
const SENTENCES = {
  en: "Hello, it is good to see you. How are you today?",
  de: "Hallo, schön, dich zu sehen. Wie geht es dir heute?",
};

const rounded = (similarity) => similarity.toFixed(2);

export class Voices extends EventTarget {
  #list = [];
  #context = null;
  #sounding = null;
  /** Counts what was asked to be heard, so that what comes too late is not. */
  #asked = 0;

  constructor() {
    super();
    element("clones").addEventListener("click", ({ target }) => {
      const id = target.closest("button")?.dataset.voice;
      if (id) this.#delete(id);
    });
  }

  /** Asks the server for the list. Without one, a character's own voice is still shown. */
  async load() {
    try {
      this.#list = (await call("GET", "/api/voices")).data;
    } catch (error) {
      this.#list = [];
      this.#tell("problem", error.message);
    }
    this.#showClones();
    this.#tell("change");
  }

  #find(model) {
    return this.#list.find(({ id }) => id === model);
  }

  /** A list of the voices of a language by their engines, with `model` chosen; `write` is told of another choice. */
  choice(language, model, write) {
    const select = make("select");
    const groups = new Map();
    for (const voice of this.#list.filter(({ languages }) => languages.includes(language))) {
      const label = `${voice.name} · ${voice.cloned ? `by permission of ${voice.cloned.permission_by}` : voice.description}`;
      const option = make("option", { value: voice.id, textContent: voice.installed ? label : `${label} (not installed)` });
      option.disabled = !voice.installed;
      if (voice.advice) option.title = voice.advice;
      const group = groups.get(voice.engine) ?? make("optgroup", { label: ENGINES[voice.engine] ?? voice.engine });
      groups.set(voice.engine, group);
      group.append(option);
    }
    select.append(...groups.values());
    // What a file names stays until somebody chooses, also if it is an engine, speaks another language or is not there.
    if (![...select.options].some(({ value }) => value === model)) select.prepend(new Option(`${model} (as its file says)`, model));
    select.value = model;
    const hint = make("p", { className: "hint", textContent: this.#about(model, language) });
    select.addEventListener("input", () => {
      hint.textContent = this.#about(select.value, language);
      write(select.value);
    });
    return { select, hint };
  }

  /** What is to be known of a voice, and of those of the language that are not here. */
  #about(model, language) {
    const voice = this.#find(model);
    const words = [];
    if (voice && !voice.installed) words.push(`This voice is not installed: ${voice.advice}. Another one speaks until it is.`);
    else if (voice?.advice) words.push(`${voice.name}: ${voice.advice}.`);
    else if (voice?.cloned) words.push(`Similarity to the recording: ${rounded(voice.cloned.similarity_after)}.`);
    else if (!voice && model.startsWith("clone/")) words.push("This voice is not there any more; another one speaks.");
    const missing = this.#list.filter(({ id, installed, languages }) => !installed && id !== model && languages.includes(language));
    for (const advice of new Set(missing.map(({ advice }) => advice))) words.push(`For more voices: ${advice}.`);
    return words.join(" ");
  }

  /** A button that has a sentence said as `settings` (a function) say: {model, speed, pitch, volume}. */
  listenButton(language, settings) {
    const button = make("button", { type: "button", className: "button", textContent: "Listen" });
    button.addEventListener("click", () => (this.#sounding?.button === button ? this.silence() : this.#say(button, language, settings())));
    return button;
  }

  /** Ends what is heard. */
  silence() {
    this.#asked += 1;
    const sounding = this.#sounding;
    this.#sounding = null;
    if (!sounding) return;
    sounding.button.textContent = "Listen";
    sounding.source?.stop();
  }

  async #say(button, language, { model, speed = 1, pitch = 1, volume = 1 }) {
    this.silence();
    const asked = (this.#asked += 1);
    this.#sounding = { button, source: null };
    button.textContent = "Stop";
    try {
      // Made by a press, so that the browser lets it sound.
      this.#context ??= new AudioContext();
      await this.#context.resume();
      const text = SENTENCES[language] ?? SENTENCES.en;
      const order = { text, language, voice: model, speed, pitch, volume, format: "pcm", rate: RATE };
      const { bytes, notice } = await sound("/api/tts/synthesize", order);
      if (asked !== this.#asked) return;
      if (notice) this.#tell("problem", notice);
      const samples = Float32Array.from(new Int16Array(bytes), (sample) => sample / 32_768);
      const buffer = new AudioBuffer({ length: samples.length, sampleRate: RATE });
      buffer.copyToChannel(samples, 0);
      const source = new AudioBufferSourceNode(this.#context, { buffer });
      source.connect(this.#context.destination);
      source.addEventListener("ended", () => asked === this.#asked && this.silence());
      this.#sounding.source = source;
      source.start();
    } catch (error) {
      if (asked !== this.#asked) return;
      this.silence();
      this.#tell("problem", error.message);
    }
  }

  #showClones() {
    const clones = this.#list.filter(({ cloned }) => cloned);
    element("clones-field").hidden = clones.length === 0;
    element("clones").replaceChildren(...clones.map(({ id, name, cloned }) => {
      const { permission_by: by, similarity_before: before, similarity_after: after } = cloned;
      // An engine without voices of its own has no similarity before.
      const about = `by permission of ${by} · similarity ${rounded(after)}${before ? ` (${rounded(before)} before)` : ""}`;
      const remove = make("button", { type: "button", className: "button button-danger", textContent: "Delete" });
      remove.dataset.voice = id;
      remove.setAttribute("aria-label", `Delete the voice ${name}`);
      return make("li", {}, make("span", {}, make("b", { textContent: name }), make("span", { className: "hint", textContent: about })), remove);
    }));
  }

  async #delete(id) {
    const name = this.#find(id)?.name ?? id;
    const text = "Characters that speak with it get another voice. It cannot be brought back but from a new recording.";
    if (!(await confirm(`Delete the voice ${name}?`, text, "Delete"))) return;
    await call("DELETE", `/api/voices/${encodeURIComponent(id)}`).catch((error) => this.#tell("problem", error.message));
    await this.load();
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
