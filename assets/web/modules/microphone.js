// The person's microphone: asking for it, its loudness, and letting go of it. The device is held only while it is on,
// so that the browser's recording sign is honest.
//
// Events: "change" (detail {state: "off" | "asking" | "on"}), "level" (detail 0..1), "problem" (detail: words), "gone" (the device went away and is released).

/** A muted microphone goes on sending silence for this long, so that the listener hears the end of the turn. */
const TAIL = 1500;

const WORDS = {
  NotAllowedError: "The microphone was refused. Allow it for this page in the browser's address bar, then press again.",
  NotFoundError: "No microphone was found. Plug one in, then press again.",
  NotReadableError: "The microphone is in use by another program, or the system does not give it out.",
  OverconstrainedError: "The microphone cannot be used: it offers no fitting format.",
  SecurityError: "The browser does not allow the microphone on this page.",
};
const INSECURE =
  "The browser gives out the microphone only over https, or on the machine that runs Visage itself (http://localhost).";

/** Why there is no microphone, for a person: an error of getUserMedia, or null where there is no such function. */
export function wordsFor(error) {
  if (!error) return INSECURE;
  return WORDS[error.name] ?? `The microphone cannot be used (${error.message || error.name}).`;
}

export class Microphone extends EventTarget {
  #state = "off";
  #stream = null;
  #context = null;
  #tail = 0;
  #asked = 0;

  get state() {
    return this.#state;
  }

  /** Turns the microphone on; the track, or null if there is none (a "problem" says why) or it was turned off meanwhile. */
  async start() {
    if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
      this.#tell("problem", wordsFor(null));
      return null;
    }
    this.#release();
    const asked = (this.#asked += 1);
    this.#enter("asking");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
      });
    } catch (error) {
      if (asked !== this.#asked) return null;
      this.#enter("off");
      this.#tell("problem", wordsFor(error));
      return null;
    }
    if (asked !== this.#asked) {
      for (const track of stream.getTracks()) track.stop();
      return null;
    }
    this.#stream = stream;
    const [track] = stream.getAudioTracks();
    track.onended = () => {
      if (this.#stream !== stream) return;
      this.#tell("problem", "The microphone went away.");
      this.stop().then((released) => released && this.#tell("gone"));
    };
    this.#enter("on");
    this.#measure(stream);
    return track;
  }

  /** Turns it off: silent at once, released a little later. Resolves when it is released; false if it was turned on again. */
  async stop() {
    const asked = (this.#asked += 1);
    for (const track of this.#stream?.getTracks() ?? []) track.enabled = false;
    this.#enter("off");
    clearTimeout(this.#tail);
    await new Promise((done) => (this.#tail = setTimeout(done, TAIL)));
    if (asked !== this.#asked) return false;
    this.#release();
    return true;
  }

  #release() {
    clearTimeout(this.#tail);
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.#context?.close();
    this.#stream = this.#context = null;
  }

  #measure(stream) {
    const context = new AudioContext();
    this.#context = context;
    const analyser = new AnalyserNode(context, { fftSize: 1024 });
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let level = 0;
    const look = () => {
      if (this.#context !== context || this.#state !== "on") return this.#tell("level", 0);
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      // -55 dB is a quiet room, -15 dB a voice close by. Rises at once, falls slowly.
      const now = Math.min(1, Math.max(0, (10 * Math.log10(power + 1e-9) + 55) / 40));
      level = Math.max(now, level * 0.9);
      this.#tell("level", level);
      requestAnimationFrame(look);
    };
    look();
  }

  #enter(state) {
    this.#state = state;
    this.#tell("change", { state });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** A button that toggles on a press and, held longer, is on only while it is held. Mouse, touch, keys and switches. */
export function pressOrHold(button, isOn, turn) {
  const HELD = 400;
  let since = null;
  const begin = () => {
    const on = !isOn();
    since = on ? performance.now() : null;
    turn(on);
  };
  const end = () => {
    if (since !== null && performance.now() - since > HELD) turn(false);
    since = null;
  };
  const isKey = (event) => event.key === " " || event.key === "Enter";
  button.addEventListener("pointerdown", (event) => event.button === 0 && begin());
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) button.addEventListener(name, end);
  button.addEventListener("keydown", (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    if (!event.repeat) begin();
  });
  button.addEventListener("keyup", (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    end();
  });
  button.addEventListener("blur", end);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  // A click without a pointer comes from assistive technology.
  button.addEventListener("click", (event) => event.detail === 0 && turn(!isOn()));
}
