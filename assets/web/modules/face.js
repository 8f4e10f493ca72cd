// Sliders for the face of an emotion: a few that move what belongs together, and every single one of ARKit's blendshapes.

import { make } from "./gallery.js";

const both = (shape) => [`${shape}Left`, `${shape}Right`];
/** What is moved together, in the words of somebody who looks at a face. */
const TOGETHER = [
  ["Smile", both("mouthSmile")],
  ["Corners down", both("mouthFrown")],
  ["Mouth open", ["jawOpen"]],
  ["Lips pressed", both("mouthPress")],
  ["Lips forward", ["mouthPucker"]],
  ["Lips round", ["mouthFunnel"]],
  ["Inner brows up", ["browInnerUp"]],
  ["Outer brows up", both("browOuterUp")],
  ["Brows down", both("browDown")],
  ["Eyes wide", both("eyeWide")],
  ["Eyes narrow", both("eyeSquint")],
  ["Lids down", both("eyeBlink")],
  ["Cheeks up", both("cheekSquint")],
  ["Nose wrinkled", both("noseSneer")],
];
const HEAD = [
  ["Head turned", "yaw"],
  ["Head up", "pitch"],
  ["Head tilted", "roll"],
];
const TIMES = [
  ["Appears within, seconds", "onset", 0.02, 2],
  ["Fades within, seconds", "decay", 0.02, 3],
  ["How much a text's emotion shows", "response", 0, 1],
];

/** All 52, in ARKit's order; the server's list is the same (docs/avatar/character-manager.md). */
const SHAPES = [
  ...["Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide"].flatMap((eye) => both(`eye${eye}`)),
  "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
  ...["Smile", "Frown", "Dimple", "Stretch"].flatMap((mouth) => both(`mouth${mouth}`)),
  "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
  ...["Press", "LowerDown", "UpperUp"].flatMap((mouth) => both(`mouth${mouth}`)),
  ...both("browDown"), "browInnerUp", ...both("browOuterUp"), "cheekPuff", ...both("cheekSquint"), ...both("noseSneer"), "tongueOut",
];

const short = (value) => String(Math.round(value * 100) / 100);

/** A row with a slider; `read` gives its value, `write` takes it. Gives {row, update}. */
function slider(label, min, max, read, write) {
  const output = make("output");
  const input = make("input", { type: "range", min, max, step: 0.01 });
  const row = make("label", { className: "field slider" }, make("span", {}, `${label} `, output), input);
  const update = () => {
    input.value = read();
    output.textContent = short(read());
  };
  input.addEventListener("input", () => write(Number(input.value)));
  update();
  return { row, update };
}

/**
 * Puts the sliders of one preset into `box`. `preset` is {shapes, head, onset, decay, response} and is changed in place;
 * `changed` is called after each change.
 */
export function showSliders(box, preset, changed) {
  const rows = [];
  const add = (parent, label, min, max, read, write) => {
    const made = slider(label, min, max, read, (value) => {
      write(value);
      for (const { update } of rows) update();
      changed();
    });
    rows.push(made);
    parent.append(made.row);
  };
  const set = (shape, value) => {
    if (value === 0) delete preset.shapes[shape];
    else preset.shapes[shape] = value;
  };
  const of = (shape) => preset.shapes[shape] ?? 0;

  const main = make("div", { className: "sliders" });
  for (const [label, shapes] of TOGETHER) {
    const read = () => shapes.reduce((sum, shape) => sum + of(shape), 0) / shapes.length;
    add(main, label, 0, 1, read, (value) => shapes.forEach((shape) => set(shape, value)));
  }
  for (const [label, axis] of HEAD) {
    add(main, label, -0.4, 0.4, () => preset.head[axis] ?? 0, (value) => (preset.head[axis] = value));
  }
  const times = make("div", { className: "sliders" });
  for (const [label, field, min, max] of TIMES) {
    add(times, label, min, max, () => preset[field], (value) => (preset[field] = value));
  }
  const every = make("div", { className: "sliders" });
  for (const shape of SHAPES) add(every, shape, 0, 1, () => of(shape), (value) => set(shape, value));
  box.replaceChildren(
    main,
    make("details", {}, make("summary", { textContent: "Times and strength" }), times),
    make("details", {}, make("summary", { textContent: "Every shape by itself" }), every),
  );
}
