// Tells when a sound begins and when it has ceased, by the audio context's clock. It gives out silence.

registerProcessor(
  "voice",
  class extends AudioWorkletProcessor {
    #loud;
    #pause;
    #last = null;

    constructor({ processorOptions: { loud, pause } }) {
      super();
      this.#loud = loud;
      this.#pause = pause;
    }

    process([[samples = []]]) {
      for (let index = 0; index < samples.length; index += 1) {
        if (Math.abs(samples[index]) < this.#loud) continue;
        const at = currentTime + index / sampleRate;
        if (this.#last === null) this.port.postMessage({ on: true, at });
        this.#last = at;
      }
      if (this.#last !== null && currentTime - this.#last > this.#pause) {
        this.port.postMessage({ on: false, at: this.#last });
        this.#last = null;
      }
      return true;
    }
  },
);
