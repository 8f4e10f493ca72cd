// A viewer's connection: the signalling WebSocket, the peer connection and the data channel, made again whenever they
// break. The protocol is docs/api/signalling.md.
//
// Events: "refused" (the server wants its token), "phase" (detail {phase: "connecting" | "connected" | "waiting" | "stopped", why, until}), "picture" (detail
// MediaStream), "message" (detail: one event of the data channel).

import { isAuthorised } from "./api.js";

/** Pauses before trying again, milliseconds; the last one is repeated. */
const PAUSES = [500, 1000, 2000, 4000, 8000];
/** How long a connection may take to stand, milliseconds. */
const PATIENCE = 15000;
/** How long a broken path may take to heal before the connection is made anew, milliseconds. */
const HEALING = 5000;
/** Fatal errors after which trying again by oneself is pointless. */
const HOPELESS = new Set(["bad_offer", "failed"]);

export class Session extends EventTarget {
  #socket = null;
  #peer = null;
  #channel = null;
  #audio = null;
  #microphone = null;
  #failures = 0;
  #timer = 0;
  #healing = 0;
  #phase = "connecting";

  constructor() {
    super();
    addEventListener("online", () => this.retry());
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => event.persisted && this.connect());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.retry());
  }

  get connected() {
    return this.#phase === "connected";
  }

  get peer() {
    return this.#peer;
  }

  /** Connects at once if it is waiting to do so. */
  retry() {
    if (this.#phase === "waiting" || this.#phase === "stopped") this.connect();
  }

  /** Gives an order (an object as in docs/api/signalling.md); false if nobody can hear it. */
  send(order) {
    if (this.#channel?.readyState !== "open") return false;
    this.#channel.send(JSON.stringify(order));
    return true;
  }

  /** Sends this track as the person's voice, also after connecting anew; null sends nothing. */
  async speakWith(track) {
    this.#microphone = track;
    await this.#audio?.sender.replaceTrack(track);
  }

  connect() {
    this.#close();
    this.#enter({ phase: "connecting" });
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/signal`);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost("The connection took too long."), PATIENCE);
    // Messages are handled one after another: each may wait for the peer connection.
    let order = Promise.resolve();
    const early = [];
    socket.onmessage = ({ data }) => {
      order = order.then(() => this.#socket === socket && this.#hear(JSON.parse(data), early)).catch((error) => {
        console.error(error);
        if (this.#socket === socket) this.#lost("The connection could not be made.");
      });
    };
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onclose = () => {
      order.then(async () => {
        // A refused WebSocket does not say why; an ordinary request does.
        const refused = !opened && !(await isAuthorised());
        if (this.#socket !== socket) return;
        if (!refused) return this.#lost("The connection was lost.");
        this.#lost("This server asks for its token.", true);
        this.#tell("refused");
      });
    };
  }

  async #hear(message, early) {
    switch (message.type) {
      case "welcome":
        return this.#offer(message.ice_servers);
      case "answer":
        await this.#peer.setRemoteDescription({ type: "answer", sdp: message.sdp });
        for (const candidate of early.splice(0)) await this.#peer.addIceCandidate(candidate);
        return;
      case "candidate":
        if (!message.candidate?.candidate) return;
        if (!this.#peer?.remoteDescription) early.push(message.candidate);
        else await this.#peer.addIceCandidate(message.candidate);
        return;
      case "error":
        console.warn("signalling:", message.code, message.message);
        if (message.fatal) this.#lost(message.message, HOPELESS.has(message.code));
        return;
    }
  }

  async #offer(iceServers) {
    const socket = this.#socket;
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.#peer = peer;
    const tell = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
    peer.onicecandidate = ({ candidate }) => tell({ type: "candidate", candidate: candidate?.toJSON() ?? null });
    peer.onconnectionstatechange = () => this.#peer === peer && this.#watch(peer.connectionState);
    peer.ontrack = ({ streams, receiver }) => {
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      else if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
      if (streams[0]) this.#tell("picture", streams[0]);
    };

    this.#audio = peer.addTransceiver("audio", { direction: "sendrecv" });
    peer.addTransceiver("video", { direction: "recvonly" });
    const channel = peer.createDataChannel("visage");
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.#tell("message", JSON.parse(data));
    channel.onopen = () => {
      if (this.#channel !== channel) return;
      clearTimeout(this.#timer);
      this.#failures = 0;
      this.#enter({ phase: "connected" });
    };
    channel.onclose = () => this.#channel === channel && this.#lost("The connection was lost.");

    await peer.setLocalDescription(await peer.createOffer());
    tell({ type: "offer", sdp: peer.localDescription.sdp });
    if (this.#microphone) await this.#audio.sender.replaceTrack(this.#microphone);
  }

  #watch(state) {
    clearTimeout(this.#healing);
    if (state === "failed") this.#lost("The network path broke.");
    if (state === "disconnected") this.#healing = setTimeout(() => this.#lost("The network path broke."), HEALING);
  }

  #lost(why, hopeless = false) {
    this.#close();
    if (hopeless) return this.#enter({ phase: "stopped", why });
    const pause = PAUSES[Math.min(this.#failures, PAUSES.length - 1)];
    this.#failures += 1;
    this.#timer = setTimeout(() => this.connect(), pause);
    this.#enter({ phase: "waiting", why, until: performance.now() + pause });
  }

  #close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#healing);
    const [socket, peer] = [this.#socket, this.#peer];
    this.#socket = this.#peer = this.#channel = this.#audio = null;
    socket?.close();
    peer?.close();
  }

  #enter(detail) {
    this.#phase = detail.phase;
    this.#tell("phase", detail);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
