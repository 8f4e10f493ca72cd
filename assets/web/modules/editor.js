// One character's file as a form. Saving sends only what changed (RFC 7396), against the version that was read, so that
// nobody's work is overwritten unseen.
//
// Events: "done" (detail: id or null), "made" (detail: id of a copy), "problem" (detail: words), "try" (detail: {shapes, head}),
// "untry" (the tried expression is to go).

import { call } from "./api.js";
import { Cloning } from "./cloning.js";
import { confirm } from "./dialogs.js";
import { showSliders } from "./face.js";
import { make, showThumbnail } from "./gallery.js";
import { Voices } from "./voices.js";

const element = (id) => document.getElementById(id);
const LANGUAGES = { en: "English", de: "Deutsch" };
const EMOTIONS = ["neutral", "happy", "sad", "surprised", "angry", "thoughtful"];
/** What speaks where a file names no voice (docs/avatar/character-manager.md). */
const FALLBACK_VOICE = "espeak-ng";
/** Pause between two expressions that are tried while a slider is dragged, milliseconds. */
const TRY_EVERY = 60;

const copy = (value) => structuredClone(value);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The merge patch that turns `before` into `after`; undefined if they are equal. */
export function difference(before, after) {
  if (!isObject(before) || !isObject(after)) return same(before, after) ? undefined : after;
  const patch = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (!(key in after)) patch[key] = null;
    else if (!(key in before)) patch[key] = after[key];
    else {
      const inner = difference(before[key], after[key]);
      if (inner !== undefined) patch[key] = inner;
    }
  }
  return Object.keys(patch).length ? patch : undefined;
}

/** What a merge patch makes of a value. */
function merged(value, patch) {
  if (!isObject(patch)) return patch;
  const result = isObject(value) ? { ...value } : {};
  for (const [key, inner] of Object.entries(patch)) {
    if (inner === null) delete result[key];
    else result[key] = merged(result[key], inner);
  }
  return result;
}

export class Editor extends EventTarget {
  #id = null;
  #etag = null;
  #saved = null;
  #draft = null;
  #emotion = "happy";
  #builtin = null;
  #summary = null;
  #isDefault = false;
  #trying = 0;
  #voices = new Voices();
  #cloning = new Cloning();

  constructor() {
    super();
    for (const source of [this.#voices, this.#cloning]) {
      source.addEventListener("problem", ({ detail: words }) => this.#tell("problem", words));
    }
    this.#voices.addEventListener("change", () => this.#draft && this.#showLanguages());
    this.#cloning.addEventListener("made", ({ detail: { voice, language } }) => {
      // The new voice is the one that is wanted, where there is a place for it.
      if (this.#draft?.voices[language]) this.#speakWith(language, voice);
      this.#voices.load();
    });
    element("editor").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#run(() => this.#save());
    });
    for (const id of ["edit-cancel", "close-editor"]) element(id).addEventListener("click", () => this.#leave());
    element("edit-portrait").addEventListener("change", ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file) this.#run(() => this.#replacePicture(file));
    });
    element("edit-delete").addEventListener("click", () => this.#run(() => this.#delete()));
    element("edit-duplicate").addEventListener("click", () => this.#run(() => this.#duplicate()));
    element("edit-builtin").addEventListener("click", () => {
      delete this.#draft.emotions[this.#emotion];
      this.#showEmotion();
      this.#changed();
      this.#try();
    });
    addEventListener("beforeunload", (event) => this.#isChanged && event.preventDefault());
    element("edit-emotions").replaceChildren(...EMOTIONS.map((emotion) => {
      const button = make("button", { type: "button", textContent: emotion[0].toUpperCase() + emotion.slice(1) });
      button.dataset.preset = emotion;
      return button;
    }));
    element("edit-emotions").addEventListener("click", ({ target }) => {
      const emotion = target.closest("button")?.dataset.preset;
      if (!emotion) return;
      this.#emotion = emotion;
      this.#showEmotion();
      this.#try();
    });
    this.#bind("edit-name", (value) => (this.#draft.name = value));
    this.#bind("edit-language", (value) => (this.#draft.language = value));
    this.#bind("edit-renderer", (value) => (this.#draft.renderer = value));
    this.#bind("edit-liveliness", (value) => {
      this.#draft.idle = { ...this.#draft.idle, liveliness: Number(value) };
      this.#showLiveliness();
    });
    this.#bind("edit-background", (value) => {
      const colour = element("edit-colour").value;
      this.#draft.background = { colour: { colour }, kept: this.#saved.background }[value] ?? value;
      element("edit-colour-field").hidden = value !== "colour";
    });
    this.#bind("edit-colour", (value) => (this.#draft.background = { colour: value }));
  }

  /** Reads the character and shows it. */
  async open(summary) {
    const { data, etag } = await call("GET", `/api/characters/${encodeURIComponent(summary.id)}`);
    await this.#voices.load();
    this.#builtin ??= (await call("GET", "/api/emotions")).data;
    const all = await call("GET", "/api/characters?limit=200");
    this.#isDefault = all.data.items.some((item) => item.id === summary.id && item.default);
    this.#summary = summary;
    this.#id = summary.id;
    this.#saved = this.#draft = null;
    this.#rebase(data, etag);
  }

  /** Puts what was changed here on top of the version that the server has. */
  #rebase(data, etag) {
    const mine = this.#draft ? difference(this.#saved, this.#draft) : undefined;
    this.#etag = etag;
    this.#saved = { ...copy(data), emotions: copy(data.emotions ?? {}) };
    this.#draft = merged(copy(this.#saved), mine ?? {});
    this.#draft.emotions ??= {};
    this.#show();
  }

  /** The character changed on the server (its picture, or somebody else saved it). */
  refresh(summary) {
    if (summary?.id !== this.#id || summary.revision === this.#summary.revision) return;
    this.#summary = summary;
    showThumbnail(element("edit-picture"), this.#id);
  }

  #bind(id, write) {
    element(id).addEventListener("input", ({ target }) => {
      write(target.value);
      this.#changed();
    });
  }

  #changed() {
    const dirty = difference(this.#saved, this.#draft) !== undefined;
    element("edit-save").disabled = !dirty;
    element("edit-state").textContent = dirty ? "Not saved yet" : "";
  }

  #show() {
    const draft = this.#draft;
    element("editor-title").textContent = draft.name;
    showThumbnail(element("edit-picture"), this.#id);
    element("edit-name").value = draft.name;
    const languages = Object.keys(draft.voices);
    element("edit-language").replaceChildren(...languages.map((code) => new Option(LANGUAGES[code] ?? code, code)));
    element("edit-language").value = draft.language ?? languages[0];
    this.#showLanguages();
    element("edit-liveliness").value = draft.idle?.liveliness ?? 0.7;
    this.#showLiveliness();
    element("edit-renderer").value = draft.renderer ?? "auto";
    this.#showBackground();
    element("edit-delete").hidden = this.#isDefault;
    const base = `/api/characters/${encodeURIComponent(this.#id)}`;
    element("edit-export").href = `${base}/archive`;
    this.#showEmotion();
    this.#changed();
  }

  /** Voices and words; what has the focus keeps it. */
  #showLanguages() {
    const focus = document.activeElement?.closest?.("#edit-languages [id]")?.id;
    element("edit-languages").replaceChildren(...Object.keys(this.#draft.voices).map((code) => this.#languageFields(code)));
    if (focus) element(focus)?.focus();
  }

  /** Chooses the voice of a language. */
  #speakWith(code, model) {
    const voice = this.#draft.voices[code];
    voice.model = model;
    // Which engine that is says its name.
    delete voice.engine;
    this.#changed();
  }

  #showLiveliness() {
    const input = element("edit-liveliness");
    input.parentElement.querySelector("output").textContent = input.value;
  }

  #showBackground() {
    const now = this.#draft.background ?? "original";
    const choices = [["original", "as in the picture"], ["colour", "one colour"], ["transparent", "none"]];
    if (isObject(now) && now.picture) choices.push(["kept", `the picture ${now.picture}`]);
    const select = element("edit-background");
    select.replaceChildren(...choices.map(([value, label]) => new Option(label, value)));
    select.value = isObject(now) ? (now.colour ? "colour" : "kept") : now;
    element("edit-colour-field").hidden = select.value !== "colour";
    element("edit-colour").value = now.colour ?? "#c9d6cf";
  }

  /** Voice and words in one language. */
  #languageFields(code) {
    const voice = this.#draft.voices[code];
    const words = () => {
      this.#draft.personality ??= {};
      return (this.#draft.personality[code] ??= {});
    };
    const field = (label, input) => make("label", { className: "field" }, make("span", { textContent: label }), input);
    const text = (tag, value, write, properties = {}) => {
      const input = make(tag, { value: value ?? "", ...properties });
      input.addEventListener("input", () => {
        write(input.value);
        this.#changed();
      });
      return input;
    };
    const range = (label, name, min, max) => {
      const output = make("output", { textContent: String(voice[name] ?? 1) });
      const input = make("input", { type: "range", min, max, step: 0.01, value: voice[name] ?? 1 });
      input.addEventListener("input", () => {
        voice[name] = Number(input.value);
        output.textContent = input.value;
        this.#changed();
      });
      return make("label", { className: "field slider" }, make("span", {}, `${label} `, output), input);
    };
    const speech = this.#draft.personality?.[code] ?? {};
    const { select, hint } = this.#voices.choice(code, voice.model ?? FALLBACK_VOICE, (model) => this.#speakWith(code, model));
    [select.id, hint.id] = [`edit-voice-${code}`, `edit-voice-${code}-hint`];
    select.setAttribute("aria-describedby", hint.id);
    const listen = this.#voices.listenButton(code, () => ({ ...voice, model: voice.model ?? FALLBACK_VOICE }));
    const clone = make("button", { type: "button", className: "button", textContent: "New voice from a recording…" });
    [listen.id, clone.id] = [`edit-listen-${code}`, `edit-clone-${code}`];
    clone.setAttribute("aria-haspopup", "dialog");
    clone.addEventListener("click", () => this.#cloning.open(code));
    return make(
      "fieldset",
      {},
      make("legend", { textContent: LANGUAGES[code] ?? code }),
      field("Voice", select),
      hint,
      make("div", { className: "voice-actions" }, listen, clone),
      make("div", { className: "sliders" }, range("Speed", "speed", 0.5, 2), range("Pitch", "pitch", 0.5, 2), range("Volume", "volume", 0, 2)),
      field("Greeting", text("textarea", speech.greeting, (value) => (words().greeting = value), { rows: 2, maxLength: 2000 })),
      field("Who it is, for a language model", text("textarea", speech.system_prompt, (value) => (words().system_prompt = value), { rows: 2, maxLength: 20_000 })),
    );
  }

  #preset() {
    const builtin = this.#builtin[this.#emotion];
    const own = this.#draft.emotions[this.#emotion] ?? {};
    return copy({ ...builtin, ...own, head: { ...(own.head ?? builtin.head) }, shapes: { ...(own.shapes ?? builtin.shapes) } });
  }

  #showEmotion() {
    for (const button of element("edit-emotions").children) {
      button.setAttribute("aria-pressed", String(button.dataset.preset === this.#emotion));
    }
    const own = this.#draft.emotions[this.#emotion] !== undefined;
    element("edit-emotion-hint").textContent = own ? "This character's own." : "The built-in face; move a slider to make it this character's own.";
    element("edit-builtin").hidden = !own;
    const preset = this.#preset();
    showSliders(element("edit-sliders"), preset, () => {
      this.#draft.emotions[this.#emotion] = copy(preset);
      element("edit-builtin").hidden = false;
      element("edit-emotion-hint").textContent = "This character's own.";
      this.#changed();
      this.#try();
    });
  }

  /** Shows the expression on the live face, not more often than it can be seen. */
  #try() {
    if (this.#trying) return;
    this.#trying = setTimeout(() => {
      this.#trying = 0;
      if (!this.#draft) return;
      const { shapes, head } = this.#preset();
      this.#tell("try", { shapes, head });
    }, TRY_EVERY);
  }

  async #save() {
    const patch = difference(this.#saved, this.#draft);
    if (!patch) return;
    try {
      await call("PATCH", `/api/characters/${encodeURIComponent(this.#id)}`, {
        json: patch,
        type: "application/merge-patch+json",
        match: this.#etag,
      });
    } catch (error) {
      if (error.status !== 412) throw error;
      const { data, etag } = await call("GET", `/api/characters/${encodeURIComponent(this.#id)}`);
      this.#rebase(data, etag);
      throw new Error("Somebody else changed this character. Your changes were put on top of theirs: look, and save again.");
    }
    this.#close(this.#id);
  }

  async #replacePicture(file) {
    element("edit-state").textContent = "Looking for the face…";
    try {
      const { data, etag } = await call("PUT", `/api/characters/${encodeURIComponent(this.#id)}/portrait`, {
        body: file,
        type: file.type || "application/octet-stream",
        match: this.#etag,
      });
      this.#rebase(data, etag);
    } finally {
      this.#changed();
    }
  }

  async #delete() {
    const sure = await confirm(`Delete ${this.#saved.name}?`, "Its file, its picture and its recordings go. This cannot be undone.", "Delete");
    if (!sure) return;
    await call("DELETE", `/api/characters/${encodeURIComponent(this.#id)}`, { match: this.#etag });
    this.#close(null);
  }

  async #duplicate() {
    if (!(await this.#mayDrop())) return;
    const archive = await fetch(`/api/characters/${encodeURIComponent(this.#id)}/archive`);
    if (!archive.ok) throw new Error(`The server answered ${archive.status}.`);
    const body = await archive.blob();
    for (let copies = 2; ; copies += 1) {
      try {
        const path = `/api/characters/import?id=${encodeURIComponent(`${this.#id}-${copies}`)}`;
        const { data } = await call("POST", path, { body, type: "application/zip" });
        return this.#tell("made", data.id);
      } catch (error) {
        // That name is taken.
        if (error.status !== 409 || copies > 99) throw error;
      }
    }
  }

  get #isChanged() {
    return this.#draft !== null && difference(this.#saved, this.#draft) !== undefined;
  }

  /** Whether what was not saved may be lost; asks if there is any. */
  async #mayDrop() {
    return !this.#isChanged || confirm("Leave without saving?", "What you changed is not saved.", "Leave");
  }

  async #leave() {
    if (!element("editor").inert && (await this.#mayDrop())) this.#close(this.#id);
  }

  #close(id) {
    this.#draft = null;
    this.#voices.silence();
    this.#tell("untry");
    this.#tell("done", id);
  }

  async #run(work) {
    if (element("editor").inert) return;
    const focus = document.activeElement;
    element("editor").inert = element("close-editor").disabled = true;
    try {
      await work();
    } catch (error) {
      this.#tell("problem", error.message);
    } finally {
      element("editor").inert = element("close-editor").disabled = false;
      if (!element("view-editor").hidden) focus?.focus();
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
