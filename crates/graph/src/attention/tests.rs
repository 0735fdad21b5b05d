//! The kernels against autograd over libtorch's operations, and against central differences.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use recgoat_torch::{as_slice, dropout_mask};

use super::*;

struct Case {
    layer: Attention,
    x: Tensor,
    left: Tensor,
    right: Tensor,
    mask: Option<Tensor>,
    gradient: Tensor,
}

fn case(nodes: usize, edges: usize, heads: usize, per_head: usize, dropout: f64, seed: u64) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pairs: Vec<(u32, u32)> = (0..edges)
        .map(|_| (rng.random_range(0..nodes as u32), rng.random_range(0..nodes as u32)))
        .chain((0..nodes as u32).map(|n| (n, n)))
        .collect();
    let layer = Attention::new(Pattern::new(nodes, pairs).unwrap(), heads, 0.2);
    let mut draw = |rows: usize, columns: usize| {
        let values: Vec<f32> = (0..rows * columns).map(|_| rng.random_range(-1.0..1.0)).collect();
        from_slice(&values, &[rows as i64, columns as i64], Device::Cpu).unwrap()
    };
    let (x, gradient) = (draw(nodes, heads * per_head), draw(nodes, heads * per_head));
    let (left, right) = (draw(heads, per_head), draw(heads, per_head));
    let shape = [layer.pattern().edges() as i64, heads as i64];
    let mask = (dropout > 0.0).then(|| dropout_mask(&shape, dropout, &mut rng, Device::Cpu));
    Case { layer, x, left, right, mask, gradient }
}

fn relative_gap(ours: &Tensor, theirs: &Tensor) -> f64 {
    let gap = (ours - theirs).norm().double_value(&[]);
    gap / theirs.norm().double_value(&[]).max(1e-12)
}

#[test]
fn forward_and_vjp_equal_autograd() {
    for (nodes, edges, heads, per_head, dropout) in [
        (1, 0, 1, 1, 0.0),
        (5, 9, 2, 3, 0.0),
        (40, 300, 8, 8, 0.1),
        (70, 900, 4, 17, 0.5),
        (33, 64, 1, 64, 0.1),
    ] {
        let c = case(nodes, edges, heads, per_head, dropout, 3);
        let leaves = [&c.x, &c.left, &c.right].map(|t| t.copy().set_requires_grad(true));
        let expected = on_tape(&c.layer, &leaves[0], &leaves[1], &leaves[2], c.mask.as_ref());
        let attended = c.layer.forward(&c.x, &c.left, &c.right, c.mask.as_ref()).unwrap();
        assert!(relative_gap(&attended.output, &expected) < 1e-5);
        (&expected * &c.gradient).sum(Kind::Float).backward();
        let inputs = (&c.x, &c.left, &c.right, c.mask.as_ref());
        let ours = c.layer.vjp(&attended, inputs, &c.gradient).unwrap();
        for (name, ours, leaf) in [("input", ours.input, 0), ("left", ours.left, 1), ("right", ours.right, 2)]
        {
            // A single node attends to itself with weight 1 whatever the scores: both gradients are zero there.
            let theirs = leaves[leaf].grad();
            let gap = relative_gap(&ours, &theirs);
            assert!(gap < 1e-5 || theirs.norm().double_value(&[]) < 1e-7, "{name} of {nodes}: {gap}");
        }
    }
}

#[test]
fn vjp_equals_central_differences() {
    let c = case(12, 40, 2, 4, 0.2, 5);
    let attended = c.layer.forward(&c.x, &c.left, &c.right, c.mask.as_ref()).unwrap();
    let inputs = (&c.x, &c.left, &c.right, c.mask.as_ref());
    let ours = c.layer.vjp(&attended, inputs, &c.gradient).unwrap();
    let value = |x: &Tensor, left: &Tensor, right: &Tensor| {
        let y = c.layer.forward(x, left, right, c.mask.as_ref()).unwrap().output;
        (y * &c.gradient).sum(Kind::Double).double_value(&[])
    };
    for (which, gradient) in [(0, &ours.input), (1, &ours.left), (2, &ours.right)] {
        let step = 1e-3;
        let mut differences = Vec::new();
        for entry in 0..gradient.numel() {
            let mut moved = [0, 1].map(|_| [c.x.copy(), c.left.copy(), c.right.copy()]);
            for (sign, moved) in [1.0, -1.0].into_iter().zip(&mut moved) {
                recgoat_torch::as_slice_mut(&mut moved[which]).unwrap()[entry] += sign * step;
            }
            let [up, down] = moved.map(|[x, left, right]| value(&x, &left, &right));
            differences.push(((up - down) / (2.0 * f64::from(step))) as f32);
        }
        let differences = from_slice(&differences, &gradient.size(), Device::Cpu).unwrap();
        let gap = relative_gap(gradient, &differences);
        assert!(gap < 1e-2, "input {which}: {gap}");
    }
}

#[test]
fn weights_are_a_distribution_over_incoming_edges() {
    let c = case(20, 100, 4, 4, 0.0, 8);
    let attended = c.layer.forward(&c.x, &c.left, &c.right, None).unwrap();
    for target in 0..20 {
        for head in 0..4 {
            let sum: f32 =
                c.layer.pattern().incoming(target).map(|e| attended.kept.weights[e * 4 + head]).sum();
            assert!((sum - 1.0).abs() < 1e-5);
        }
    }
    // Rows without spread are kept: attention averages, and an average of equals is the equal.
    let flat = Tensor::ones([20, 16], (Kind::Float, Device::Cpu));
    let out = c.layer.forward(&flat, &c.left, &c.right, None).unwrap().output;
    assert!(as_slice(&out).unwrap().iter().all(|v| (v - 1.0).abs() < 1e-5));
}

#[test]
fn wrong_shapes_are_named() {
    let c = case(5, 9, 2, 3, 0.0, 1);
    let narrow = Tensor::zeros([5, 5], (Kind::Float, Device::Cpu));
    let error = c.layer.forward(&narrow, &c.left, &c.right, None).unwrap_err().to_string();
    assert_eq!(error, "attention input: expected a width divisible by 2 heads, found 5");
    let mask = Tensor::zeros([1, 2], (Kind::Float, Device::Cpu));
    assert!(c.layer.forward(&c.x, &c.left, &c.right, Some(&mask)).is_err());
}
