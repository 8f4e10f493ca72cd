// The dialog in which a recording becomes a voice: a file or the microphone, who allows it, and then minutes of waiting, which
// go on when the dialog is closed.
//
// Events: "made" (detail: {voice, name, language}), "problem" (detail: words, told when the dialog is closed).

import { call } from "./api.js";
import { record } from "./recorder.js";

const element = (id) => document.getElementById(id);
/** How often the server is asked how far it is, milliseconds. */
const ASK_EVERY = 1500;
/** How often in a row it may not answer before that is told. */
const MISSES = 5;

const two = (similarity) => similarity.toFixed(2);

export class Cloning extends EventTarget {
  /** What is to be cloned: {file, words}. */
  #recording = null;
  /** Ends the recording that is being made. */
  #stop = null;
  /** Whether the microphone is being asked for. */
  #asking = false;
  /** The job on the server: {id, name, language}. */
  #job = null;
  #sending = false;

  constructor() {
    super();
    element("clone-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
    });
    element("clone-file").addEventListener("change", ({ target }) => {
      const [file] = target.files;
      target.value = "";
      if (file) this.#take(file, file.name);
    });
    element("clone-record").addEventListener("click", () => this.#toggleRecording());
    element("clone-close").addEventListener("click", () => element("clone").close());
    element("clone-off").addEventListener("click", () => this.#callOff());
    // Escape closes it, too. The microphone is let go of.
    element("clone").addEventListener("close", () => this.#stop?.());
  }

  /** Opens the dialog for a voice in a language; shows how far the last one is, if it is not done. */
  open(language) {
    if (!this.#job && !this.#sending) {
      element("clone-language").value = language;
      this.#say("");
      this.#wrong("");
      this.#show();
    }
    element("clone").showModal();
  }

  #take(file, words) {
    this.#recording = { file, words };
    this.#say("");
    this.#wrong("");
    this.#show();
  }

  async #toggleRecording() {
    if (this.#stop) return this.#stop();
    if (this.#asking) return;
    this.#asking = true;
    this.#wrong("");
    const about = element("clone-recording");
    try {
      const stop = await record(
        (seconds) => {
          const words = `Recording: ${Math.floor(seconds)} s. Read something aloud, for 10 to 30 seconds.`;
          if (about.textContent !== words) about.textContent = words;
        },
        (file) => {
          this.#stop = null;
          if (file) this.#take(file, "from the microphone");
          else this.#show();
        },
      );
      this.#stop = stop;
      if (!element("clone").open) stop();
    } catch (error) {
      this.#wrong(error.message);
    } finally {
      this.#asking = false;
      element("clone-record").textContent = this.#stop ? "Stop recording" : "Record";
    }
  }

  async #begin() {
    if (this.#sending || this.#job) return;
    this.#stop?.();
    if (!this.#recording) {
      this.#wrong("Choose a recording, or make one.");
      return element("clone-file").focus();
    }
    const [name, language] = [element("clone-name").value.trim(), element("clone-language").value];
    const form = new FormData();
    form.append("recording", this.#recording.file, "recording");
    form.append("name", name);
    form.append("language", language);
    form.append("permission", element("clone-permission").value);
    form.append("by", element("clone-by").value);
    form.append("denoise", String(element("clone-denoise").checked));
    this.#wrong("");
    this.#sending = true;
    this.#say("The recording is being checked…");
    this.#show();
    try {
      const { data } = await call("POST", "/api/voices/clone", { form });
      this.#job = { id: data.id, name, language };
      this.#watch();
    } catch (error) {
      this.#say("");
      this.#wrong(error.message);
    } finally {
      this.#sending = false;
      this.#show();
    }
  }

  /** Asks how far the job is until it has ended, also while the dialog is closed. */
  async #watch() {
    const job = this.#job;
    let missed = 0;
    while (this.#job === job) {
      let now;
      try {
        now = (await call("GET", `/api/voices/clone/${job.id}`)).data;
        missed = 0;
      } catch (error) {
        missed += 1;
        if (error.status === 404) return this.#end(job, "The server was started again and knows nothing of this voice. Make it once more.");
        if (missed === MISSES) this.#wrong(error.message);
      }
      if (this.#job !== job) return;
      if (now?.state === "done") return this.#done(job, now);
      if (now?.state === "failed") return this.#end(job, now.reason);
      if (now?.state === "called_off") return this.#end(job, "It was called off.");
      if (now) {
        this.#wrong("");
        element("clone-share").value = now.progress;
        const words = `${job.name} is being made: ${Math.round(now.progress * 100)} %. You may close this; it goes on.`;
        this.#say(now.state === "waiting" ? `${job.name} waits until other voices are made.` : words);
      }
      await new Promise((done) => setTimeout(done, ASK_EVERY));
    }
  }

  #done(job, { voice, similarity_before: before, similarity_after: after }) {
    this.#job = this.#recording = null;
    for (const id of ["clone-name", "clone-by", "clone-permission"]) element(id).value = "";
    for (const id of ["clone-agreed", "clone-denoise"]) element(id).checked = false;
    const words =
      `${job.name} can speak. Similarity to the recording: ${two(after)}; Kokoro's own nearest voice has ${two(before)}. ` +
      "One person has 0.78 to 0.95 with themselves, a stranger about 0.6: the voice is a relative, not a twin.";
    this.#wrong("");
    this.#say(words);
    this.#show();
    if (!element("clone").open) this.#tell("problem", words);
    this.#tell("made", { voice, name: job.name, language: job.language });
  }

  /** It came to nothing. */
  #end(job, words) {
    this.#job = null;
    this.#say("");
    this.#wrong(words);
    this.#show();
    if (!element("clone").open) this.#tell("problem", `${job.name}: ${words}`);
  }

  async #callOff() {
    const job = this.#job;
    if (!job) return;
    try {
      await call("DELETE", `/api/voices/clone/${job.id}`);
      if (this.#job === job) this.#end(job, "It was called off.");
    } catch (error) {
      // It was quicker: the next look shows it.
      if (error.status !== 409) this.#wrong(error.message);
    }
  }

  #say(words) {
    const state = element("clone-state");
    if (state.textContent !== words) state.textContent = words;
  }

  #wrong(words) {
    const wrong = element("clone-wrong");
    if (wrong.textContent !== words) wrong.textContent = words;
  }

  #show() {
    const busy = this.#job !== null || this.#sending;
    element("clone-fields").disabled = busy;
    // There is nothing to do but to wait.
    element("clone-fields").hidden = this.#job !== null;
    element("clone-recording").textContent = this.#recording ? `There is a recording: ${this.#recording.words}.` : "There is none yet.";
    element("clone-record").textContent = this.#stop ? "Stop recording" : "Record";
    element("clone-share").hidden = this.#job === null;
    if (this.#job === null) element("clone-share").value = 0;
    element("clone-off").hidden = this.#job === null;
    element("clone-begin").hidden = busy;
    // What had the focus may be gone.
    if (element("clone").open && !element("clone").contains(document.activeElement)) element("clone-close").focus();
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
