"""Milliseconds per frame of LivePortrait: PyTorch against ONNX Runtime on the same device, in one run.

    python bench_torch.py [--device cpu|cuda] [--width full] [--frames N] [--warm N] [--compile] [--threads N]

Random weights of the published size cost what the published ones do. A row is one way to run the networks:

    M      the motion extractor, for each picture that drives
    W+G    warping and generator
    frame  keypoints -> stitching -> W+G -> 512×512 bytes in the computer's memory; what each new frame costs

Medians. "off by" is the largest difference of a colour (0..1) to PyTorch in f32. Inputs that stay the same (the feature
volume) stay on the device; ONNX Runtime gets and gives tensors through bound memory.

On a graphics device ONNX Runtime needs the package onnxruntime-gpu (for TensorRT also its libraries) in place of
onnxruntime. A way that the machine does not have is left out; one that fails is a row that says why.
"""

import argparse
import contextlib
import pathlib
import platform
import statistics
import tempfile
import time

import numpy
import onnx
import onnxruntime
import torch

import contract
import export
import geometry
import networks
import picture

# ONNX Runtime's providers by the kind of device they run on, the best first.
PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["TensorrtExecutionProvider", "CUDAExecutionProvider"],
}
# Precisions in which PyTorch is worth trying.
PRECISIONS = {
    "cpu": {"f32": None, "bf16": torch.bfloat16},
    "cuda": {"f32": None, "f16": torch.float16},
}


def as_opset_20(path, to):
    """The same graph under opset 20, where GridSample may be 5-D and says "linear" where it said "bilinear".

    Everything else that the graph of W and G uses means the same in both. ONNX Runtime's CUDA provider samples volumes
    under opset 20 alone.
    """
    model = onnx.load(path)
    model.opset_import[0].version = 20
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "GridSample" and attribute.name == "mode":
                attribute.s = b"linear"
    onnx.save(model, to)


class Torch:
    """The networks in PyTorch."""

    def __init__(self, made, device, precision, compiled):
        self.device, self.precision = device, precision
        self.networks = {name: network.to(device) for name, network in made.items()}
        if compiled:
            self.networks = {name: torch.compile(network) for name, network in self.networks.items()}

    @contextlib.contextmanager
    def mode(self):
        kind = self.device.type
        half = torch.autocast(kind, self.precision) if self.precision else contextlib.nullcontext()
        with torch.inference_mode(), half:
            yield

    def prepare(self, img, feature, at_rest):
        self.img, self.feature, self.at_rest = (torch.from_numpy(it).to(self.device) for it in (img, feature, at_rest))

    def settle(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def motion(self):
        with self.mode():
            self.networks["motion_extractor"](self.img)
        self.settle()

    def draw(self, keypoints):
        with self.mode():
            out = self.networks["warping_spade"](self.feature, torch.from_numpy(keypoints).to(self.device), self.at_rest)
        self.settle()
        return out

    def frame(self, keypoints):
        with self.mode():
            driving = torch.from_numpy(keypoints).to(self.device)
            both = torch.cat([self.at_rest.flatten(1), driving.flatten(1)], dim=1)
            delta = self.networks["stitching"](both).float()
            driving = driving + delta[:, :63].view(1, 21, 3)
            driving[..., :2] += delta[:, None, 63:]
            out = self.networks["warping_spade"](self.feature, driving, self.at_rest)
            return (out[0].permute(1, 2, 0).float() * 255 + 0.5).to(torch.uint8).cpu().numpy()

    def colours(self, keypoints):
        return self.draw(keypoints).float().cpu().numpy()


class Onnx:
    """The networks in ONNX Runtime."""

    def __init__(self, files, provider, half, threads):
        options = {"trt_fp16_enable": half} if provider.startswith("Tensorrt") else {}
        # What TensorRT cannot do is done by CUDA; nothing else may step in unseen.
        providers = [(provider, options), *([("CUDAExecutionProvider", {})] if options else [])]
        self.device = "cpu" if provider.startswith("CPU") else "cuda"
        self.sessions = {name: contract.session(path, providers, threads) for name, path in files.items()}

    def value(self, array):
        # A copy that is kept, since on the CPU the value lives in the array's own memory.
        self.kept.append(onnxruntime.OrtValue.ortvalue_from_numpy(array.copy(), self.device, 0))
        return self.kept[-1]

    def bound(self, name, inputs):
        binding = self.sessions[name].io_binding()
        for it, value in inputs.items():
            binding.bind_ortvalue_input(it, value)
        for it, shape in contract.CONTRACT[name][1].items():
            space = onnxruntime.OrtValue.ortvalue_from_shape_and_type(list(shape), numpy.float32, self.device, 0)
            binding.bind_ortvalue_output(it, space)
        return binding

    def prepare(self, img, feature, at_rest):
        self.at_rest, self.kept = at_rest, []
        self.driving = self.value(at_rest)
        self.both = self.value(numpy.zeros((1, 126), numpy.float32))
        warping = {"feature_3d": feature, "kp_source": at_rest}
        warping = {name: self.value(it) for name, it in warping.items()} | {"kp_driving": self.driving}
        self.bindings = {
            "motion_extractor": self.bound("motion_extractor", {"img": self.value(img)}),
            "stitching": self.bound("stitching", {"input": self.both}),
            "warping_spade": self.bound("warping_spade", warping),
        }

    def run(self, name):
        self.sessions[name].run_with_iobinding(self.bindings[name])
        self.bindings[name].synchronize_outputs()
        return self.bindings[name].get_outputs()[0]

    def motion(self):
        self.run("motion_extractor")

    def draw(self, keypoints):
        self.driving.update_inplace(keypoints)
        return self.run("warping_spade")

    def frame(self, keypoints):
        self.both.update_inplace(geometry.stitching_input(self.at_rest, keypoints))
        driving = geometry.stitched(keypoints[0], self.run("stitching").numpy())[None].astype(numpy.float32)
        out = self.draw(driving).numpy()[0].transpose(1, 2, 0)
        return (out * 255 + 0.5).astype(numpy.uint8)

    def colours(self, keypoints):
        # A copy, since the next run writes to the same memory.
        return self.draw(keypoints).numpy().copy()


def median_ms(work, warm, frames):
    for _ in range(warm):
        work()
    times = []
    for _ in range(frames):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def machine(device):
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':')[1].strip()}, {torch.get_num_threads()} threads"
    return platform.processor()


def ways(made, device, folder, compiled, threads):
    """Names of the ways to run the networks, and what makes each; the first is what others are compared to."""
    files = {}
    for name in ("motion_extractor", "stitching", "warping_spade"):
        files[name] = folder / f"{name}.onnx"
        if not files[name].exists():
            export.export(made[name], files[name])
    kind = device.type
    for name, precision in PRECISIONS[kind].items():
        yield f"PyTorch {name}", lambda precision=precision: Torch(made, device, precision, False)
        if compiled:
            yield f"PyTorch {name}, compiled", lambda precision=precision: Torch(made, device, precision, True)
    here = onnxruntime.get_available_providers()
    for provider in (it for it in PROVIDERS[kind] if it in here):
        short = provider.removesuffix("ExecutionProvider")
        yield f"ONNX Runtime {short}, as published", lambda provider=provider: Onnx(files, provider, False, threads)
        if kind == "cpu":
            continue
        newer = files | {"warping_spade": folder / "warping_spade-opset20.onnx"}
        as_opset_20(files["warping_spade"], newer["warping_spade"])
        for half in (False, True) if short == "Tensorrt" else (False,):
            name = f"ONNX Runtime {short}, opset 20{', f16' if half else ''}"
            yield name, lambda provider=provider, half=half: Onnx(newer, provider, half, threads)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options.add_argument("--width", choices=networks.WIDTHS, default="full")
    options.add_argument("--frames", type=int, default=50)
    options.add_argument("--warm", type=int, default=5, help="runs before the measured ones; one is always made")
    options.add_argument("--compile", action="store_true", help="torch.compile too")
    options.add_argument("--threads", type=int, default=0, help="threads on the CPU; 0 leaves it to the libraries")
    chosen = options.parse_args()
    device = torch.device(chosen.device)
    if device.type == "cuda" and hasattr(onnxruntime, "preload_dlls"):
        # The CUDA libraries that torch's package brought serve ONNX Runtime too.
        onnxruntime.preload_dlls()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)

    made = export.random_networks(networks.WIDTHS[chosen.width], 0)
    img = picture.crops()[0]
    with torch.inference_mode():
        feature = made["appearance_feature_extractor"](torch.from_numpy(img)).numpy()
    noise = numpy.random.default_rng(0)
    at_rest = (1.3 * export.face_layout().numpy())[None]
    driving = at_rest + noise.normal(0, 0.05, at_rest.shape).astype(numpy.float32)

    print(f"{machine(device)}; torch {torch.__version__}, onnxruntime {onnxruntime.__version__}; ", end="")
    print(f"{chosen.width} width; median of {chosen.frames} after {chosen.warm}")
    print("\n| | M | W+G | frame | off by |\n|---|---|---|---|---|", flush=True)
    first = None
    with tempfile.TemporaryDirectory() as folder:
        for name, make in ways(made, device, pathlib.Path(folder), chosen.compile, chosen.threads):
            try:
                way = make()
                way.prepare(img, feature, at_rest)
                way.motion()
                colours = way.colours(driving)
                works = (way.motion, lambda: way.draw(driving), lambda: way.frame(driving))
                times = [median_ms(work, chosen.warm, chosen.frames) for work in works]
            except Exception as error:  # A way that does not work is a result.
                print(f"| {name} | {str(error).splitlines()[0][:160]} | | | |", flush=True)
                continue
            first = colours if first is None else first
            cells = [f"{it:,.1f} ms" for it in times] + [f"{abs(colours - first).max():.1e}"]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
