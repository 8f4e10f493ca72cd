// A recording of the person's microphone as a WAV file. The browser's own recorder gives Opus in WebM, which the server does not
// read and which costs what a voice is told by; so the samples are taken as they are.

import { wordsFor } from "./microphone.js";

/** Longest recording, seconds; more does not make a voice better. */
export const LONGEST = 60;
/** Samples that are let through before they count: a microphone begins with a click. */
const SETTLING = 0.15;

/** A WAV file of mono samples in -1..=1: 16 bit, at `rate` samples a second. */
export function wav(pieces, rate) {
  const count = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const text = (at, words) => [...words].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const piece of pieces) {
    for (const sample of piece) {
      view.setInt16(at, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}

/**
 * Records until `stop` is called or a minute is over. `told` hears of the seconds that there are; `ended` gets the file, or null
 * if there is nothing in it. Throws in words a person can act on.
 */
export async function record(told, ended) {
  if (!globalThis.isSecureContext || !navigator.mediaDevices?.getUserMedia) throw new Error(wordsFor(null));
  // What makes calls clearer takes away what a voice is told by.
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: plain }).catch((error) => {
    throw new Error(wordsFor(error));
  });
  const context = new AudioContext();
  const pieces = [];
  let samples = 0;
  let running = true;
  const stop = () => {
    if (!running) return;
    running = false;
    for (const track of stream.getTracks()) track.stop();
    context.close();
    ended(samples > 0 ? wav(pieces, context.sampleRate) : null);
  };
  try {
    await context.audioWorklet.addModule("/modules/recorder-worklet.js");
    await context.resume();
  } catch (error) {
    running = false;
    for (const track of stream.getTracks()) track.stop();
    context.close();
    throw new Error(`The browser cannot record here (${error.message || error.name}).`);
  }
  const taker = new AudioWorkletNode(context, "taker", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  let settling = SETTLING * context.sampleRate;
  taker.port.onmessage = ({ data: piece }) => {
    if (!running) return;
    settling -= piece.length;
    if (settling > 0) return;
    pieces.push(piece);
    samples += piece.length;
    const seconds = samples / context.sampleRate;
    told(seconds);
    if (seconds >= LONGEST) stop();
  };
  // The device was pulled out: what there is counts.
  stream.getAudioTracks()[0].onended = stop;
  context.createMediaStreamSource(stream).connect(taker);
  return stop;
}
