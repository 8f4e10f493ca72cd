// The running transcript: finished lines in a log that screen readers follow, and below it at most one unfinished line
// of each speaker, shown lighter and not read out.

/** Finished lines that are kept on the page. */
const KEPT = 200;
/** Closer to the end than this many pixels, the view follows new lines. */
const NEAR = 80;

export class Transcript {
  #box = document.getElementById("talk");
  #empty = document.getElementById("talk-empty");
  #lines = document.getElementById("lines");
  #partial = document.getElementById("partial");
  #unfinished = new Map();
  #atEnd = true;

  constructor() {
    this.#box.addEventListener("scroll", () => {
      this.#atEnd = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight < NEAR;
    });
    new ResizeObserver(() => this.#follow()).observe(this.#box);
  }

  /** Shows a "transcript" event; `name` is what the speaker is called. */
  add({ speaker, text, language, is_final: isFinal }, name) {
    const words = text.trim();
    this.#unfinished.get(speaker)?.remove();
    this.#unfinished.delete(speaker);
    if (words) {
      const line = this.#line(speaker, words, language, name);
      if (isFinal) {
        this.#lines.append(line);
        while (this.#lines.childElementCount > KEPT) this.#lines.firstElementChild.remove();
      } else {
        this.#partial.append(line);
        this.#unfinished.set(speaker, line);
      }
      this.#empty.hidden = true;
    }
    this.#follow();
  }

  /** Lines that will never be finished, because the connection is gone. */
  forgetUnfinished() {
    for (const line of this.#unfinished.values()) line.remove();
    this.#unfinished.clear();
  }

  #follow() {
    if (this.#atEnd) this.#box.scrollTop = this.#box.scrollHeight;
  }

  #line(speaker, words, language, name) {
    const line = document.createElement("li");
    line.className = "line";
    line.dataset.speaker = speaker;
    const who = document.createElement("span");
    who.className = "line-who";
    who.textContent = name;
    const text = document.createElement("span");
    text.className = "line-text";
    text.lang = language;
    text.textContent = words;
    line.append(who, text);
    return line;
  }
}
