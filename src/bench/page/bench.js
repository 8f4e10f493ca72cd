// Put before the page's own program by `visage bench`: hears what the viewer says and hears, and leads the connection
// through a relay. It writes lines to the browser's console, where the program finds them:
//
//   visage-candidate PORT      where the server receives (with ?relay=PORT)
//   visage-measured {…}        {what: "answer" | "short-answer" | "say" | "barge-in", ms}

const asked = new URLSearchParams(location.search);
const relay = asked.get("relay");
const talks = asked.has("talk");

// Through the relay ---------------------------------------------------------------------------------------------------

if (relay) {
  const add = RTCPeerConnection.prototype.addIceCandidate;
  RTCPeerConnection.prototype.addIceCandidate = async function (candidate) {
    const [, port] = candidate?.candidate.match(/ 127\.0\.0\.1 (\d+) typ/) ?? [];
    if (!port) return;
    console.info(`visage-candidate ${port}`);
    await add.call(this, { ...candidate, candidate: candidate.candidate.replace(`${port} typ`, `${relay} typ`) });
  };
  // The server is to find the way through the relay only.
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    if (!text.startsWith('{"type":"candidate"')) send.call(this, text);
  };
}

// What is said and heard ----------------------------------------------------------------------------------------------

/** Louder than this is a voice; what is not spoken is digital silence on both sides. */
const LOUD = 0.015;
/** Seconds of silence that end the person's voice, and the character's: longer than the pauses within what they say. */
const PAUSE = { person: 0.5, character: 0.9 };
/** A person who speaks longer than this asks something; shorter, it is an interruption. */
const QUESTION = 3000;
const LONG_TEXT =
  "This is a measurement. I talk for quite a while now, so that somebody can interrupt me. There is nothing to learn, " +
  "but it has to be long enough, and so I go on, and on, and on, about nothing at all, until somebody tells me to be " +
  "quiet, which I shall not mind in the least, because that is what I am here for today.";

let channel = null;
let context = null;
let asks = null; // When a text was sent to be said.
let question = null; // When the person's last sound was, until the answer, and what that is called.
let interrupted = null; // When the person began to speak while the character did.
let mayAsk = false; // Once in each round.
const speaking = { person: null, character: null }; // Since when, milliseconds of the page's clock.

const measured = (what, ms) => console.info(`visage-measured ${JSON.stringify({ what, ms })}`);

function begins(who, at) {
  speaking[who] = at;
  if (who === "person") {
    if (speaking.character !== null) interrupted = at;
    question = null;
  } else if (asks !== null) {
    measured("say", at - asks);
    asks = null;
  } else if (question !== null) {
    measured(question.what, at - question.at);
    question = null;
  }
}

function ends(who, at) {
  const since = speaking[who];
  speaking[who] = null;
  if (who === "person") {
    const long = at - since > QUESTION;
    question = { at, what: long ? "answer" : "short-answer" };
    mayAsk ||= long;
  } else if (interrupted !== null) {
    // What began before the person spoke has ended: they were heard.
    if (since < interrupted) measured("barge-in", at - interrupted);
    interrupted = null;
  } else if (mayAsk && channel?.readyState === "open" && speaking.person === null) {
    mayAsk = false;
    asks = performance.now();
    channel.send(JSON.stringify({ type: "say", text: LONG_TEXT }));
  }
}

/** Reports when a stream begins and ceases to be loud. */
async function listen(who, stream) {
  context ??= new AudioContext({ sampleRate: 48000 });
  const ready = (listen.ready ??= context.audioWorklet.addModule("bench-worklet.js"));
  await Promise.all([ready, context.resume()]);
  const node = new AudioWorkletNode(context, "voice", {
    numberOfOutputs: 1,
    processorOptions: { loud: LOUD, pause: PAUSE[who] },
  });
  context.createMediaStreamSource(stream).connect(node).connect(context.destination);
  node.port.onmessage = ({ data: { on, at } }) => {
    const time = performance.now() - (context.currentTime - at) * 1000;
    if (on) begins(who, time);
    else ends(who, time);
  };
}

if (talks) {
  const create = RTCPeerConnection.prototype.createDataChannel;
  RTCPeerConnection.prototype.createDataChannel = function (...description) {
    channel = create.apply(this, description);
    channel.addEventListener("open", () => document.getElementById("microphone").click());
    this.addEventListener("track", ({ track, streams }) => track.kind === "audio" && listen("character", streams[0]));
    return channel;
  };
  const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await get(wanted);
    listen("person", stream.clone());
    return stream;
  };
}
