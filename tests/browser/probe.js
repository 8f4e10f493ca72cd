// Put into the page by the tests: looks at every frame of the video and listens to the received sound.
// probe.frames: {tick, mouth, whole, loud}: the media clock's tick, how much the mouth's box and the whole picture
// changed since the frame before (mean absolute difference, 0..255), and the loudness then (root mean square, 0..1).

window.probe = {
  frames: [],
  sound: [],
  rate: 0,

  start([left, top, width, height]) {
    const video = document.getElementById("portrait");
    const SIZE = 128;
    const canvas = new OffscreenCanvas(SIZE, SIZE);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const audio = new AudioContext();
    this.rate = audio.sampleRate;
    const source = audio.createMediaStreamSource(video.srcObject);
    const tap = audio.createScriptProcessor(1024, 1, 1);
    const silent = new GainNode(audio, { gain: 0 });
    source.connect(tap).connect(silent).connect(audio.destination);
    let loud = 0;
    tap.onaudioprocess = ({ inputBuffer }) => {
      const samples = inputBuffer.getChannelData(0).slice();
      this.sound.push(samples);
      loud = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    };

    const change = (a, b, [x0, y0, w, h]) => {
      let sum = 0;
      for (let y = y0; y < y0 + h; y++) {
        for (let x = x0; x < x0 + w; x++) {
          const at = 4 * (y * SIZE + x);
          sum += Math.abs(a[at] - b[at]) + Math.abs(a[at + 1] - b[at + 1]) + Math.abs(a[at + 2] - b[at + 2]);
        }
      }
      return sum / (3 * w * h);
    };
    const box = [left, top, width, height].map((share) => Math.round(share * SIZE));
    let before = null;
    const look = (_, { rtpTimestamp }) => {
      context.drawImage(video, 0, 0, SIZE, SIZE);
      const now = context.getImageData(0, 0, SIZE, SIZE).data;
      if (before) {
        this.frames.push({
          tick: rtpTimestamp / 3000,
          mouth: change(now, before, box),
          whole: change(now, before, [0, 0, SIZE, SIZE]),
          loud,
        });
      }
      before = now;
      video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  },

  /** The sound so far as base64 of 16-bit little-endian samples. */
  recorded() {
    const length = this.sound.reduce((sum, block) => sum + block.length, 0);
    const pcm = new Int16Array(length);
    let at = 0;
    for (const block of this.sound) {
      for (const sample of block) pcm[at++] = Math.max(-1, Math.min(1, sample)) * 32767;
    }
    const bytes = new Uint8Array(pcm.buffer);
    let text = "";
    for (let start = 0; start < bytes.length; start += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
    }
    return btoa(text);
  },
};
