//! Which operations become one block, and where a block must end.

use tunefork_graph::{
    Activation, BlockBackward, BlockForward, Conv, Graph, GraphError, NoWorkspace, NodeId, Plan, Shortcut, Step, Window,
};

const CONV: Conv = Conv { channels: 2, kernel: 3, stride: 1, padding: 1, bias: true };
const PROJECTION: Conv = Conv { channels: 2, kernel: 1, stride: 1, padding: 0, bias: false };
const PAIR: Window = Window { kernel: 2, stride: 2, padding: 0 };

/// The plan of a body between 8x8 images of two channels and a dense layer.
fn plan(body: impl FnOnce(&mut Graph, NodeId) -> Result<NodeId, GraphError>) -> Plan {
    let mut g = Graph::new(4, [8, 8, 2]).unwrap();
    let input = g.input();
    let x = body(&mut g, input).unwrap();
    let x = g.flatten(x).unwrap();
    let x = g.dense(x, "head", 3, true).unwrap();
    g.softmax_cross_entropy(x, 3).unwrap();
    Plan::new(&g, 4, &NoWorkspace).unwrap()
}

fn forward(plan: &Plan) -> Vec<&BlockForward> {
    let blocks = plan.training.steps.iter().filter_map(|step| match step {
        Step::BlockForward(s) => Some(s),
        _ => None,
    });
    blocks.collect()
}

fn backward(plan: &Plan) -> Vec<&BlockBackward> {
    let blocks = plan.training.steps.iter().filter_map(|step| match step {
        Step::BlockBackward(s) => Some(s),
        _ => None,
    });
    blocks.collect()
}

/// The blocks by name, with c, n, s, p, a, m for convolution, norm, shortcut, projection, activation
/// and pooling.
fn described(plan: &Plan) -> Vec<String> {
    let describe = |step: &&BlockForward| {
        let block = &step.block;
        let part = |there: bool, letter: &'static str| if there { letter } else { "" };
        [
            &block.name,
            ":",
            part(block.conv.is_some(), "c"),
            part(block.norm.is_some(), "n"),
            part(block.shortcut == Shortcut::Identity, "s"),
            part(matches!(block.shortcut, Shortcut::Projected { .. }), "p"),
            part(block.activation.is_some(), "a"),
            part(block.pool.is_some(), "m"),
        ]
        .concat()
    };
    forward(plan).iter().map(describe).collect()
}

#[test]
fn a_chain_ends_where_its_order_does() {
    let plan = plan(|g, x| {
        let x = g.conv2d(x, "a", CONV)?;
        let x = g.batch_norm(x, "b")?;
        let x = g.activation(x, Activation::Relu)?;
        let x = g.batch_norm(x, "c")?;
        let x = g.max_pool(x, PAIR)?;
        let x = g.activation(x, Activation::Tanh)?;
        g.conv2d(x, "d", CONV)
    });
    assert_eq!(described(&plan), ["a:cna", "c:nm", "tanh:a", "d:c"]);
}

#[test]
fn a_block_keeps_what_its_activation_needs() {
    for &activation in Activation::ALL {
        let plan = plan(|g, x| {
            let x = g.conv2d(x, "a", CONV)?;
            let x = g.activation(x, activation)?;
            let x = g.flatten(x)?;
            let x = g.dense(x, "b", 4, true)?;
            g.activation(x, activation)
        });
        let follows = activation.derivative_follows_from_result();
        let first = forward(&plan)[0];
        assert_eq!(first.saved == Some(first.output), follows, "{activation}");
        // A dense layer takes it in, or it is a block of its own, whose input is kept.
        let alone = format!("{activation}:a");
        assert_eq!(described(&plan)[1..], if follows { vec![] } else { vec![alone] }, "{activation}");
        if let Some(alone) = forward(&plan).get(1) {
            assert_eq!(backward(&plan)[0].saved, Some(alone.input), "{activation}");
            assert_ne!(alone.input, alone.output, "{activation}");
        }
    }
}

#[test]
fn only_a_monotone_activation_stands_in_front_of_a_largest_value() {
    for &activation in Activation::ALL {
        let blocks = |average: bool| {
            described(&plan(|g, x| {
                let x = g.conv2d(x, "a", CONV)?;
                let x = g.activation(x, activation)?;
                if average { g.average_pool(x, PAIR) } else { g.max_pool(x, PAIR) }
            }))
        };
        assert_eq!(blocks(true), ["a:cam"], "{activation}");
        let expected = if activation.is_monotone() { vec!["a:cam"] } else { vec!["a:ca", "max_pool:m"] };
        assert_eq!(blocks(false), expected, "{activation}");
    }
}

#[test]
fn a_tensor_that_is_read_twice_ends_its_block() {
    let plan = plan(|g, x| {
        let x = g.conv2d(x, "a", CONV)?;
        let y = g.batch_norm(x, "b")?;
        g.add(x, y)
    });
    assert_eq!(described(&plan), ["a:c", "b:ns"]);
    let steps = forward(&plan);
    assert_eq!(steps[1].shortcut_input, Some(steps[0].output));
}

#[test]
fn of_two_chains_the_sum_takes_the_first_and_reads_the_second() {
    let plan = plan(|g, x| {
        let a = g.conv2d(x, "a", CONV)?;
        let a = g.batch_norm(a, "an")?;
        let b = g.conv2d(x, "b", CONV)?;
        let b = g.batch_norm(b, "bn")?;
        let sum = g.add(a, b)?;
        g.activation(sum, Activation::Relu)
    });
    // b must run first, although a starts first.
    assert_eq!(described(&plan), ["b:cn", "a:cnsa"]);
}

#[test]
fn a_projection_is_part_of_the_block_on_either_side_of_the_sum() {
    for swap in [false, true] {
        let plan = plan(|g, x| {
            let shortcut = g.conv2d(x, "shortcut", PROJECTION)?;
            let y = g.conv2d(x, "a", CONV)?;
            let sum = if swap { g.add(shortcut, y) } else { g.add(y, shortcut) }?;
            g.activation(sum, Activation::Relu)
        });
        assert_eq!(described(&plan), ["a:cpa"]);
    }
}

#[test]
fn of_two_projections_one_is_the_convolution() {
    let plan = plan(|g, x| {
        let a = g.conv2d(x, "a", PROJECTION)?;
        let b = g.conv2d(x, "b", PROJECTION)?;
        g.add(a, b)
    });
    assert_eq!(described(&plan), ["a:cp"]);
}

#[test]
fn what_is_kept_is_what_the_gradients_read() {
    // Norm or pooling: the values before them. Otherwise the output, in one buffer.
    let normed = plan(|g, x| {
        let x = g.conv2d(x, "a", CONV)?;
        let x = g.batch_norm(x, "b")?;
        g.activation(x, Activation::Relu)
    });
    let (f, b) = (forward(&normed)[0], backward(&normed)[0]);
    assert!(f.saved.is_some() && f.saved != Some(f.output) && b.saved == f.saved);
    assert_eq!(f.saved.map(|saved| saved.len), Some(4 * 8 * 8 * 2));

    let simple = plan(|g, x| {
        let x = g.conv2d(x, "a", CONV)?;
        g.activation(x, Activation::Relu)
    });
    let (f, b) = (forward(&simple)[0], backward(&simple)[0]);
    assert_eq!((f.saved, b.saved), (Some(f.output), Some(f.output)));
    assert_ne!(b.output_gradient, f.output);

    let linear = plan(|g, x| g.conv2d(x, "a", CONV));
    assert_eq!(backward(&linear)[0].saved, None, "a sum of products needs no result for its gradient");
}

/// What follows a sum of x with a second tensor, and what of the block is elementwise and read by its gradients: the
/// saved values for a norm, a derivative or a largest value; the second tensor to project it or to find the sum again.
#[test]
fn gradients_read_what_they_cannot_do_without() {
    type After = fn(&mut Graph, NodeId) -> Result<NodeId, GraphError>;
    let nothing: After = |_, x| Ok(x);
    let relu: After = |g, x| g.activation(x, Activation::Relu);
    let silu: After = |g, x| g.activation(x, Activation::Silu);
    let largest: After = |g, x| g.max_pool(x, PAIR);
    let mean: After = |g, x| g.average_pool(x, PAIR);
    // before the sum, projected or not, after it; elementwise, reads saved, reads the second tensor
    for (before, projected, after, expected) in [
        ("", false, nothing, ("add:s", [true, false, false])),
        ("", false, relu, ("add:sa", [true, true, false])),
        ("", false, silu, ("add:sa", [true, true, true])),
        ("", false, largest, ("add:sm", [false, true, true])),
        ("", false, mean, ("add:sm", [false, false, false])),
        ("norm", true, nothing, ("norm:cnp", [false, true, true])),
        ("linear", true, nothing, ("linear:cp", [false, false, true])),
        ("norm", false, nothing, ("norm:cns", [false, true, false])),
        ("norm", false, relu, ("norm:cnsa", [false, true, true])),
    ] {
        let plan = plan(|g, x| {
            let x = g.conv2d(x, "first", CONV)?;
            let y = if before.is_empty() { g.dropout(x) } else { g.conv2d(x, before, CONV) }?;
            let y = if before == "norm" { g.batch_norm(y, "n")? } else { y };
            let shortcut = if projected { g.conv2d(x, "shortcut", PROJECTION)? } else { x };
            let sum = g.add(y, shortcut)?;
            after(g, sum)
        });
        let (name, reads) = expected;
        assert_eq!(described(&plan).last().map(String::as_str), Some(name));
        let (block, step) = (&forward(&plan).last().unwrap().block, backward(&plan)[0]);
        let asked = [block.is_elementwise(), block.backward_reads_saved(), block.backward_reads_shortcut()];
        assert_eq!(asked, reads, "{name}");
        assert_eq!([step.saved.is_some(), step.shortcut_input.is_some()], reads[1..], "{name}");
    }
}

#[test]
fn a_block_without_convolution_keeps_its_input() {
    let plan = plan(|g, x| {
        let x = g.conv2d(x, "a", CONV)?;
        let y = g.conv2d(x, "b", CONV)?;
        let x = g.add(x, y)?;
        let x = g.max_pool(x, PAIR)?;
        let x = g.max_pool(x, PAIR)?;
        g.flatten(x)
    });
    assert_eq!(described(&plan), ["a:c", "b:csm", "max_pool:m"]);
    let (f, b) = (forward(&plan)[2], backward(&plan)[0]);
    assert_eq!((f.saved, b.saved), (None, Some(f.input)));
    assert_eq!(b.input_gradient.unwrap().to, f.input, "image by image, the gradient replaces the input");
}

#[test]
fn a_layer_that_nobody_reads_is_left_out() {
    let plan = plan(|g, x| {
        let x = g.conv2d(x, "a", CONV)?;
        g.activation(x, Activation::Tanh)?; // has no parameters, reaches no loss
        Ok(x)
    });
    assert_eq!(described(&plan), ["a:c"]);
}

#[test]
fn dropout_belongs_to_the_dense_layer_before_it_and_vanishes_in_evaluation() {
    let plan = plan(|g, x| {
        let x = g.dropout(x)?;
        let x = g.flatten(x)?;
        let x = g.dense(x, "hidden", 5, true)?;
        let x = g.activation(x, Activation::Relu)?;
        g.dropout(x)
    });
    assert_eq!(plan.dropouts, 2);
    let kinds = |steps: &[Step]| -> Vec<String> {
        steps.iter().map(|step| format!("{step:?}").split('(').next().unwrap().to_owned()).collect()
    };
    let training =
        ["DropoutForward", "DenseForward", "DenseForward", "Loss", "DenseBackward", "DenseBackward"].map(String::from);
    assert_eq!(kinds(&plan.training.steps), training);
    assert_eq!(kinds(&plan.evaluation.steps), ["DenseForward", "DenseForward", "Loss"]);
    let hidden = plan.training.steps.iter().find_map(|step| match step {
        Step::DenseForward(s) => Some(&s.dense),
        _ => None,
    });
    let hidden = hidden.unwrap();
    assert_eq!((hidden.activation, hidden.dropout), (Some(Activation::Relu), Some(1)));
}

#[test]
fn only_a_1x1_shortcut_without_bias_and_padding_is_a_projection() {
    let reduce = Conv { kernel: 3, padding: 0, ..CONV };
    for shortcut in
        [Conv { bias: false, ..reduce }, Conv { stride: 2, padding: 0, kernel: 3, bias: false, ..CONV }, reduce]
    {
        let main = Conv { bias: true, ..shortcut };
        let plan = plan(|g, x| {
            let y = g.conv2d(x, "a", main)?;
            let y = g.batch_norm(y, "n")?;
            let shortcut = g.conv2d(x, "shortcut", shortcut)?;
            g.add(y, shortcut)
        });
        assert_eq!(described(&plan), ["shortcut:c", "a:cns"]);
    }
    let biased = plan(|g, x| {
        let y = g.conv2d(x, "a", CONV)?;
        let shortcut = g.conv2d(x, "shortcut", Conv { bias: true, ..PROJECTION })?;
        g.add(y, shortcut)
    });
    assert_eq!(described(&biased), ["shortcut:c", "a:cs"]);
}
