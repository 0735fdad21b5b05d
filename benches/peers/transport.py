#!/usr/bin/env python3
"""Times optimal transport in Python (POT, OTT-JAX) and here on the same inputs, in turn, and prints a Markdown table.

`cargo xtask bench peers` sets it up and runs it. Inputs are squared Euclidean costs over their mean between two
Gaussian clouds in 16 dimensions, seed 0, with uniform weights; every solver returns a plan. Medians of three to five
runs after one that is not counted; POT's log-domain solver, up to a minute a run, is run once.
"""
import argparse, json, os, subprocess, sys, time, warnings
import numpy as np

warnings.filterwarnings("ignore")


def clouds(n):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, 16)), rng.standard_normal((n, 16)) + 0.5
    if n <= 1024:
        c = ((x[:, None] - y[None]) ** 2).sum(-1)
    else:
        c = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T
    return c / c.mean()


def timed(run, runs=3):
    if runs > 1:
        run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2], result


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--ours", required=True, help="the binary ot_peers")
    options.add_argument("--dir", required=True, help="where the inputs are written")
    options.add_argument("--quick", action="store_true", help="leave out POT's log-domain solver and n = 4,096")
    args = options.parse_args()
    import ot, jax, jax.numpy as jnp
    from ott.geometry import geometry
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import sinkhorn

    os.makedirs(args.dir, exist_ok=True)
    costs = {}
    for n in (512, 800, 2048) + (() if args.quick else (4096,)):
        costs[n] = clouds(n)
        np.save(f"{args.dir}/cost_{n}.npy", costs[n])

    def ours(*case):
        out = subprocess.run([args.ours, *map(str, case)], check=True, capture_output=True, text=True).stdout
        return json.loads(out)

    def pot(n, reg, method, **more):
        weights = np.full(n, 1 / n)
        settings = dict(numItermax=20000, stopThr=1e-6, warn=False) | more
        return lambda: ot.sinkhorn(weights, weights, costs[n].astype(settings.pop("kind", float)), reg, method=method, **settings)

    def ott(n, reg):
        problem = linear_problem.LinearProblem(geometry.Geometry(cost_matrix=jnp.array(costs[n], jnp.float32), epsilon=reg))
        solve = jax.jit(lambda problem: sinkhorn.Sinkhorn(threshold=1e-4, max_iterations=20000)(problem).matrix)
        return lambda: jax.block_until_ready(solve(problem))

    print("| problem | ours | peer | peer's time | ours / peer | bar | |\n|---|---|---|---|---|---|---|")

    def row(problem, mine, peer, seconds, bar, note=""):
        ratio = mine["seconds"] / seconds
        mark = "met" if ratio <= bar else "**missed**"
        print(f"| {problem} | {mine['seconds'] * 1e3:.1f} ms, {mine['iterations']} it | {peer} | {seconds * 1e3:.1f} ms "
              f"| {ratio:.4f} | {bar:.4g} | {mark}{note} |", flush=True)

    def cost(n):
        return f"{args.dir}/cost_{n}.npy"

    seconds, _ = timed(pot(800, 0.01, "sinkhorn"))
    mine = ours("entropic", cost(800), 0.01, 1e-6, "f64")
    row("n = 800, ε = 0.01, f64 to 1e-6", mine, "POT sinkhorn", seconds, 1 / 5, f"; error {mine['marginal_error']:.0e}")
    if not args.quick:
        seconds, _ = timed(pot(800, 0.01, "sinkhorn_log"), 1)
        row("the same", ours("entropic", cost(800), 0.01, 1e-6, "f64"), "POT sinkhorn_log", seconds, 1 / 100)
    for n in (800, 2048):
        seconds, _ = timed(pot(n, 0.05, "sinkhorn"))
        mine = ours("entropic", cost(n), 0.05, 1e-6, "f64")
        row(f"n = {n:,}, ε = 0.05, f64 to 1e-6", mine, "POT sinkhorn", seconds, 1 / 3, f"; error {mine['marginal_error']:.0e}")
    for reg in (0.01, 0.001, 0.0001):
        seconds, plan = timed(ott(800, reg), 3 if reg == 0.01 else 1)
        theirs = np.abs(np.asarray(plan).sum(1) - 1 / 800).sum() + np.abs(np.asarray(plan).sum(0) - 1 / 800).sum()
        mine = ours("entropic", cost(800), reg, 1e-4, "f32")
        row(f"n = 800, ε = {reg}, f32 to 1e-4", mine, "OTT", seconds, 1 / 2, f"; errors {mine['marginal_error']:.0e}, {theirs:.0e}")
    if not args.quick:
        seconds, _ = timed(pot(4096, 0.01, "sinkhorn_log", kind=np.float32, numItermax=100, stopThr=0), 1)
        row("n = 4,096, ε = 0.01, f32, 100 log-domain iterations", ours("log", cost(4096), 0.01, 100), "POT sinkhorn_log", seconds, 1 / 20)
    for n in costs:
        weights = np.full(n, 1 / n)
        seconds, plan = timed(lambda: ot.emd(weights, weights, costs[n]))
        full, best = timed(lambda: ot.emd(weights, weights, costs[n], numItermax=10**9), 1)
        mine = ours("exact", cost(n))
        gap = abs(mine["value"] - (best * costs[n]).sum())
        row(f"exact, n = {n:,}", mine, "POT emd as called by default", seconds, 1,
            f"; POT's value {(plan * costs[n]).sum() - mine['value']:+.1e} from ours")
        row(f"exact, n = {n:,}", mine, "POT emd to optimality", full, 1, f"; values {gap:.0e} apart, gap {mine['gap']:.0e}")
    mine = ours("points", 50000, 0.05)
    print(f"| points, n = 50,000, ε = 0.05, f32 to 1e-3 | {mine['seconds']:.1f} s, {mine['iterations']} it, peak "
          f"{mine['peak_megabytes']} MB | – | – | – | 200 MB | {'met' if mine['peak_megabytes'] <= 200 else '**missed**'} |", flush=True)
    for dim, bar in ((64, 1), (800, 60)):
        mine = ours("oat", dim)
        print(f"| OAT plan, d = {dim}, warm, to 1e-3 | {mine['seconds'] * 1e3:.2f} ms, {mine['iterations']} it (with costs and "
              f"gradient {mine['with_costs_and_gradient'] * 1e3:.1f} ms) | – | – | – | {bar} ms "
              f"| {'met' if mine['seconds'] * 1e3 <= bar else '**missed**'} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
