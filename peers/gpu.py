"""Ours and PyTorch on one card, one after the other in one call: epoch times and peak memory side by side.

Usage: gpu.py --program FILE [--device cuda|cpu] [--networks m0,m1,m2,m3,m4] [--quick] [--json gpu-peers.json]
FILE is the program that `cargo xtask gpu-check` builds. Without a GPU, to try this script: --device cpu, and FILE is
`tunefork`. Ours runs in every precision that the card has; PyTorch eager, channels last with mixed precision,
torch.compile with its CUDA graphs, and one captured graph of the whole step, with and without mixed precision.
The best of each side counts, by time and, separately, by memory. Windows last at least 0.5 s on a GPU; --quick makes
fewer of them. One table to standard output, everything measured to the JSON file.
"""
import argparse, json, os, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
# Aims, ours over PyTorch's best: epoch time and peak bytes without data set and context; images of an epoch.
AIMS = {"m1": ("1/4", "1/2"), "m2": ("1", "-"), "m3": ("1/1.5", "1/2"), "m4": ("1/5", "1/2")}
EPOCH = {"m0": 60000, "m1": 60000, "m2": 2936, "m3": 100000, "m4": 60000}
QUICK = {"m0": 256, "m1": 256, "m2": 32, "m3": 64, "m4": 1024}


def modes(device, half):
    """Names and arguments of PyTorch's modes."""
    if device == "cpu":
        return {"eager": [], "channels last": ["--channels-last"]}
    amp = ["--channels-last", "--amp", half]
    ways = {"eager": [], "compile": ["--compile"], "compile, max autotune": ["--compile", "--compile-mode", "max-autotune"]}
    # A loss scaler, which f16 needs, decides on the host: its step cannot be captured as one graph.
    graph = {"graph": ["--cuda-graph"]}
    if half == "bf16":
        graph[f"graph, {half} channels last"] = ["--cuda-graph"] + amp
    return ways | {f"{name}, {half} channels last": way + amp for name, way in ways.items()} | graph


def last_json(command):
    """The last line that a command prints, or why there is none."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        lines = done.stdout.strip().splitlines()
        if done.returncode == 0 and lines:
            return json.loads(lines[-1])
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
    except (OSError, ValueError) as error:
        reason = str(error)
    print(f"{' '.join(command)}: {reason}", file=sys.stderr)
    return {"failed": reason}


def ours_on_a_gpu(a):
    """What the program says of the card, and a row for each network and precision."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "ours.json")
        window = ["--window", "0.05"] if a.quick else []
        done = subprocess.run([a.program, "--parts", "networks", "--json", file] + window)
        if not os.path.exists(file):
            sys.exit(f"{a.program} measured nothing (exit code {done.returncode}): nothing to compare")
        result = json.load(open(file))
    rows = [{"network": r["network"], "mode": r["precision"], "s_per_1000_images": r["seconds_per_1000_images"],
             "peak_bytes": r["arena_bytes"], "driver_bytes": r["driver_bytes"]} for r in result["training"]]
    return result["machine"], [r for r in rows if r["network"] in a.networks]


def ours_on_the_cpu(a):
    rows = []
    for network in a.networks:
        study = os.path.join(HERE, "..", "studies", "networks", f"{network}.toml")
        images = ["--images", str(QUICK[network])] if a.quick else []
        r = last_json([a.program, "bench", study, "--device", "cpu", "--json"] + images)
        rows.append({"network": network, "mode": "f32"} | (r if "failed" in r else {
            "s_per_1000_images": r["s_per_1000_images"], "peak_bytes": r["peak_bytes"]}))
    return {"card": "no GPU: the CPU"}, rows


def torch(a, half):
    rows = []
    for network in a.networks:
        for mode, arguments in modes(a.device, half).items():
            quick = ["--images", str(QUICK[network]), "--windows", "1"] if a.quick else []
            r = last_json([sys.executable, os.path.join(HERE, "torch_epoch.py"), network, "--device", a.device] + arguments + quick)
            rows.append({"network": network, "mode": mode} | (r if "failed" in r else {
                "s_per_1000_images": r["s_per_1000_images"], "peak_bytes": round((r["peak_mib"] - r["data_mib"]) * 2**20), "peer": r["peer"]}))
    return rows


def best(rows, network, what):
    rows = [r for r in rows if r["network"] == network and r.get(what) is not None]
    return min(rows, key=lambda r: r[what], default=None)


def table(machine, ours, peer, networks, aims):
    """Markdown: a row for each network, a ratio only where both sides were measured."""
    lines = [f"{machine['card']}; the best mode of each side", "",
             "| network | ours, s/epoch | PyTorch, s/epoch | ratio | aim | ours, MiB | PyTorch, MiB | ratio | aim |", "|" + "---|" * 9]
    for network in networks:
        cells = [network]
        for number, (what, scale, form) in enumerate([("s_per_1000_images", EPOCH[network] / 1000, "{:.3f}"), ("peak_bytes", 2**-20, "{:.1f}")]):
            pair = best(ours, network, what), best(peer, network, what)
            cells += [f"{form.format(r[what] * scale)} ({r['mode']})" if r else "not measured" for r in pair]
            cells.append(f"{pair[0][what] / pair[1][what]:.2f}" if all(pair) else "-")
            cells.append(aims.get(network, ("-", "-"))[number])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--program", required=True)
    ap.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    ap.add_argument("--networks", type=lambda text: text.split(","), default=list(EPOCH))
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--json", default="gpu-peers.json")
    a = ap.parse_args()
    unknown = [network for network in a.networks if network not in EPOCH]
    if unknown:
        ap.error(f"no network {', '.join(unknown)}: there are {', '.join(EPOCH)}")
    machine, ours = ours_on_a_gpu(a) if a.device == "cuda" else ours_on_the_cpu(a)
    peer = torch(a, "bf16" if machine.get("architecture", 0) >= 80 else "fp16")
    with open(a.json, "w") as file:
        json.dump({"machine": machine, "device": a.device, "quick": a.quick, "ours": ours, "torch": peer}, file, indent=1)
    print(table(machine, ours, peer, a.networks, AIMS if a.device == "cuda" else {}))
    if a.device == "cpu":
        print("\nMeasured on the CPU, where memory is the whole process's; the aims are for a GPU.")
    print(f"written: {a.json}")


if __name__ == "__main__":
    main()
