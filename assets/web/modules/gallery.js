// All characters at a glance: switch, edit, make a new one of a picture, import one.
//
// Events: "edit" (detail: id), "made" (detail: id of a new character), "problem" (detail: words).

import { call } from "./api.js";

const element = (id) => document.getElementById(id);

/** Makes an element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Draws a character into an <img>, anew if the server has a newer picture of it; false if it cannot be had now. */
export async function showThumbnail(picture, id, size = 192) {
  picture.dataset.of = id;
  const path = `/api/characters/${encodeURIComponent(id)}/preview.png?size=${size}`;
  const drawn = await fetch(path, { cache: "no-cache" }).then((answer) => answer.ok && answer.blob(), () => null).catch(() => null);
  // Meanwhile it may have been given to another character.
  if (picture.dataset.of !== id) return true;
  picture.classList.toggle("missing", !drawn);
  if (!drawn) return false;
  const address = URL.createObjectURL(drawn);
  picture.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
  picture.src = address;
  return true;
}

/** What a new character speaks with until its author chooses: the voices that are always there. */
const VOICES = { en: { model: "piper-en-joe" }, de: { model: "espeak-ng" } };

/** "IMG_2041 anna-lena.jpg" becomes "Anna Lena". */
function nameFrom(file) {
  const words = file.name.replace(/\.[^.]*$/, "").replace(/^(IMG|DSC|PXL)[_-]?/i, "").split(/[^\p{L}]+/u).filter(Boolean);
  return words.map((word) => word[0].toUpperCase() + word.slice(1)).join(" ").slice(0, 40) || "New character";
}

export class Gallery extends EventTarget {
  #shown = "";
  #pictures = [];
  #drawing = false;

  constructor() {
    super();
    element("new-picture").addEventListener("change", ({ target }) => this.#take(target, (file) => this.#create(file)));
    element("import-archive").addEventListener("change", ({ target }) => this.#take(target, (file) => this.#import(file)));
    const drop = element("drop");
    for (const kind of ["dragenter", "dragover"]) {
      drop.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.dataset.over = "yes";
      });
    }
    drop.addEventListener("dragleave", () => delete drop.dataset.over);
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      delete drop.dataset.over;
      const [file] = event.dataTransfer.files;
      if (file) this.#run(() => (/\.zip$/i.test(file.name) ? this.#import(file) : this.#create(file)));
    });
    element("cards").addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (!button) return;
      const kind = button.dataset.edit === undefined ? "choose" : "edit";
      this.#tell(kind, button.closest("li").dataset.id);
    });
  }

  /** Shows the characters of the state; pictures are fetched anew only where something changed. */
  show(characters, active) {
    const shown = JSON.stringify(characters);
    if (shown !== this.#shown) {
      this.#shown = shown;
      const focus = document.activeElement?.closest?.("#cards li")?.dataset.id;
      this.#pictures = [];
      element("cards").replaceChildren(...characters.map((character) => this.#card(character)));
      if (!element("view-gallery").hidden) this.opened();
      if (focus) element("cards").querySelector(`[data-id="${CSS.escape(focus)}"] button`)?.focus();
    }
    for (const card of element("cards").children) {
      card.querySelector(".card-choose").setAttribute("aria-pressed", String(card.dataset.id === active));
    }
  }

  #card(character) {
    const picture = make("img", { alt: "", width: 192, height: 192 });
    this.#pictures.push([picture, character.id]);
    const name = make("span", { className: "card-name", textContent: character.name });
    const languages = make("span", { className: "card-languages", textContent: character.languages.join(" · ") });
    const choose = make("button", { type: "button", className: "card-choose" }, picture, name, languages);
    const edit = make("button", { type: "button", className: "card-edit", textContent: "Edit" });
    edit.dataset.edit = "";
    edit.setAttribute("aria-label", `Edit ${character.name}`);
    const card = make("li", { className: "card" }, choose, edit);
    card.dataset.id = character.id;
    return card;
  }

  /** Thumbnails, one after the other, and only while somebody looks: each is drawn for us. */
  async #draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    const failed = [];
    while (this.#pictures.length) {
      const [picture, id] = this.#pictures.shift();
      if (picture.isConnected && !(await showThumbnail(picture, id))) failed.push([picture, id]);
    }
    // These are tried again when the gallery is next opened.
    this.#pictures.push(...failed);
    this.#drawing = false;
  }

  /** The gallery has come into sight. */
  opened() {
    this.#draw();
    this.#listBroken();
  }

  /** Characters whose files cannot be read are named with the reason, so that their author can mend them. */
  async #listBroken() {
    const { data } = await call("GET", "/api/characters?limit=200").catch(() => ({ data: { items: [] } }));
    const broken = data.items.filter(({ error }) => error);
    const words = ({ id, error }) => make("p", { className: "notice", textContent: `${id}: ${error}` });
    element("broken").replaceChildren(...broken.map(words));
  }

  #take(input, use) {
    const [file] = input.files;
    input.value = "";
    if (file) this.#run(() => use(file));
  }

  /** One upload at a time, with a line about what happens. */
  async #run(work) {
    const drop = element("drop");
    if (drop.ariaBusy === "true") return this.#tell("problem", "One file at a time: the other one is still being taken in.");
    drop.ariaBusy = "true";
    try {
      this.#tell("made", await work());
    } catch (error) {
      this.#tell("problem", error.message);
    } finally {
      drop.ariaBusy = "false";
      element("drop-busy").textContent = "";
    }
  }

  async #create(picture) {
    element("drop-busy").textContent = "Looking for the face…";
    const language = navigator.language.startsWith("de") ? "de" : "en";
    const character = { name: nameFrom(picture), language, voices: VOICES };
    const form = new FormData();
    form.append("character", new Blob([JSON.stringify(character)], { type: "application/json" }));
    form.append("portrait", picture);
    const { data } = await call("POST", "/api/characters", { form });
    return data.id;
  }

  async #import(archive) {
    element("drop-busy").textContent = "Unpacking…";
    const { data } = await call("POST", "/api/characters/import", { body: archive, type: "application/zip" });
    return data.id;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
