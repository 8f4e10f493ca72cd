// How the connection does: from frame made to frame shown, round trip, jitter buffer, frames, bytes, sound against
// picture. Once a second, from the video's frame callbacks and the peer connection's statistics. The arithmetic of the
// clocks is described in docs/api/signalling.md, "Clocks".

const RTP_UNITS_PER_TICK = 3000;
const RTP_WRAP = 2 ** 32;
const TICK_MS = 1000 / 30;
/** An age beyond this many milliseconds comes from clocks that do not fit together; it is not shown. */
const BELIEVABLE = 10000;
/** Round trips that are remembered; the shortest one gives the offset of the clocks. */
const PINGS = 10;
/** With `#report` in the address, each second's reading is a line of the console, where `visage bench` finds it. */
const REPORTS = location.hash === "#report";

const now = () => performance.timeOrigin + performance.now();
const milliseconds = (value) => (Number.isFinite(value) ? `${Math.round(value)} ms` : "–");
const seconds = (value) => (Number.isFinite(value) ? (value < 1 ? milliseconds(value * 1000) : `${value.toFixed(1)} s`) : "–");

/** The value below which `share` of the sorted list lies. */
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** The server's clock as seen from here. */
export class ServerClock {
  #pings = [];
  #tick = null;
  #unix = 0;

  /** Round trip in milliseconds, the shortest of the last ten; undefined before the first. */
  get roundTrip() {
    return this.#best()?.trip;
  }

  pong({ sent_ms: sent, unix_ms: unix, tick }, received = now()) {
    this.#pings.push({ trip: received - sent, offset: unix - (sent + received) / 2 });
    if (this.#pings.length > PINGS) this.#pings.shift();
    this.stats({ tick, unix_ms: unix });
  }

  stats({ tick, unix_ms: unix }) {
    this.#tick = tick;
    this.#unix = unix;
  }

  /** Milliseconds between the making of a frame (by its RTP time) and `shown`, a time of this page's clock. */
  age(rtpTimestamp, shown) {
    const best = this.#best();
    if (!best || this.#tick === null) return undefined;
    const expected = (this.#tick * RTP_UNITS_PER_TICK) % RTP_WRAP;
    let behind = rtpTimestamp - expected;
    behind -= Math.round(behind / RTP_WRAP) * RTP_WRAP;
    const made = this.#unix + (behind / RTP_UNITS_PER_TICK) * TICK_MS;
    return shown + best.offset - made;
  }

  #best() {
    return this.#pings.reduce((best, ping) => (best && best.trip <= ping.trip ? best : ping), undefined);
  }
}

export class Readings {
  #video;
  #session;
  #clock = new ServerClock();
  #ages = [];
  #frames = 0;
  #before = new Map();

  constructor(video, session) {
    this.#video = video;
    this.#session = session;
    if ("requestVideoFrameCallback" in HTMLVideoElement.prototype) this.#watchFrames();
    setInterval(() => this.#second(), 1000);
  }

  pong(event) {
    this.#clock.pong(event);
  }

  /** Shows a "stats" event. */
  stats(event) {
    this.#clock.stats(event);
    show("on-time", `${(event.on_time * 100).toFixed(event.on_time > 0.9995 ? 0 : 1)} %`);
    show("first-sound", seconds(event.first_sound ?? NaN));
    show("transcription", seconds(event.transcription ?? NaN));
  }

  /** Starts anew with another connection, whose server may be another one. */
  reset() {
    this.#clock = new ServerClock();
    this.#ages = [];
    this.#before.clear();
  }

  #watchFrames() {
    const look = (_, { rtpTimestamp, expectedDisplayTime }) => {
      this.#frames += 1;
      if (rtpTimestamp !== undefined) {
        const age = this.#clock.age(rtpTimestamp, performance.timeOrigin + expectedDisplayTime);
        if (Math.abs(age) < BELIEVABLE) this.#ages.push(age);
      }
      this.#video.requestVideoFrameCallback(look);
    };
    this.#video.requestVideoFrameCallback(look);
  }

  async #second() {
    if (!this.#session.connected) return;
    this.#session.send({ type: "ping", sent_ms: now() });
    const ages = this.#ages.splice(0).sort((a, b) => a - b);
    const frames = this.#frames;
    this.#frames = 0;
    const middle = ages.length ? quantile(ages, 0.5) : NaN;
    show("shown", ages.length ? `${milliseconds(middle)} · ${milliseconds(quantile(ages, 0.95))} p95` : "–");
    show("round-trip", milliseconds(this.#clock.roundTrip ?? NaN));
    show("fps", String(frames));
    document.getElementById("gauge-text").textContent = ages.length ? `${milliseconds(middle)} · ${frames} fps` : `${frames} fps`;

    const report = await this.#session.peer?.getStats();
    if (!report) return;
    const inbound = { audio: undefined, video: undefined };
    let bytes = 0;
    for (const entry of report.values()) {
      if (entry.type !== "inbound-rtp") continue;
      inbound[entry.kind] = entry;
      bytes += this.#change(`${entry.id} bytes`, entry.bytesReceived);
    }
    const waiting = ["video", "audio"].map((kind) => {
      const entry = inbound[kind];
      if (!entry) return NaN;
      const delay = this.#change(`${kind} delay`, entry.jitterBufferDelay ?? 0);
      const count = this.#change(`${kind} count`, entry.jitterBufferEmittedCount ?? 0);
      return count > 0 ? (delay / count) * 1000 : NaN;
    });
    show("buffer", waiting.every(Number.isNaN) ? "–" : `${milliseconds(waiting[0])} · ${milliseconds(waiting[1])} sound`);
    show("bitrate", `${Math.round((bytes * 8) / 1000)} kbit/s`);
    const skew = (inbound.audio?.estimatedPlayoutTimestamp ?? NaN) - (inbound.video?.estimatedPlayoutTimestamp ?? NaN);
    if (REPORTS && ages.length) {
      const p95 = quantile(ages, 0.95);
      console.info(`visage-reading ${JSON.stringify({ shown: middle, p95, frames, skew, buffer: waiting[0] })}`);
    }
    show("skew", Number.isFinite(skew) ? `${skew > 0 ? "+" : skew < 0 ? "−" : ""}${milliseconds(Math.abs(skew))}` : "–");
  }

  /** By how much a counter has grown since it was last asked. */
  #change(name, value) {
    const before = this.#before.get(name) ?? value;
    this.#before.set(name, value);
    return value - before;
  }
}

function show(name, text) {
  document.getElementById(`reading-${name}`).textContent = text;
}
