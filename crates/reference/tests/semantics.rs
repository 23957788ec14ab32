//! The corners that engines must share: ties, NaN, masked rows, masks of dropout, what is refused.

use tunefork_graph::{Activation, Conv, Graph, GraphError, NodeId, Window, differentiate};
use tunefork_reference::{Batch, Masks, Mode, Outcome, ReferenceError, Settings, State, run, testing};

/// A graph of `body` on images of one row, and a dense layer of two classes without bias.
fn graph(batch: usize, width: usize, body: impl FnOnce(&mut Graph, NodeId) -> Result<NodeId, GraphError>) -> Graph {
    let mut g = Graph::new(batch, [1, width, 1]).unwrap();
    let input = g.input();
    let x = body(&mut g, input).unwrap();
    let x = g.flatten(x).unwrap();
    let x = g.dense(x, "head", 2, false).unwrap();
    g.softmax_cross_entropy(x, 2).unwrap();
    g
}

/// The value of the node before the flattening.
fn body_value(g: &Graph, outcome: &Outcome) -> Vec<f64> {
    let dense = g.logits().unwrap();
    outcome.value(g.node(dense).inputs[0]).iter().copied().collect()
}

fn train(g: &Graph, pixels: &[f64], labels: &[u16], settings: &Settings) -> Outcome {
    let batch = Batch::new(g, pixels.to_vec(), labels.to_vec()).unwrap();
    run(g, &testing::random_state(g, 1), &batch, Mode::Training, settings).unwrap()
}

#[test]
fn a_maximum_is_nan_where_there_is_one_or_else_the_first_of_equals() {
    let pair = Window { kernel: 2, stride: 1, padding: 0 };
    let tall = |g: &mut Graph, x: NodeId| {
        let x = g.conv2d(x, "pad", Conv { channels: 1, kernel: 1, stride: 1, padding: 1, bias: false })?;
        g.max_pool(x, pair)
    };
    // Two maxima with equal values: the gradient goes to the first, which is a pixel and not padding.
    let g = graph(1, 2, tall);
    let all = differentiate(&g).unwrap();
    let mut state = State::new(&g);
    state.parameters[0].fill(1.0);
    state.parameters[1].iter_mut().enumerate().for_each(|(i, w)| *w = i as f64);
    let batch = Batch::new(&g, vec![3.0, 3.0], vec![0]).unwrap();
    let outcome = run(all.graph(), &state, &batch, Mode::Training, &Settings::default()).unwrap();
    assert_eq!(body_value(&g, &outcome), [3.0; 6]);
    // Padded, the row is 0 3 3 0 between rows of zeros: windows 1 and 2 choose the first 3.
    let padded = g.node(g.node(g.logits().unwrap()).inputs[0]).inputs[0];
    let convolved = g.node(padded).inputs[0];
    let gradient = outcome.value(all.gradient(convolved).unwrap());
    let by_pixel: Vec<bool> = gradient.iter().map(|g| *g != 0.0).collect();
    let middle_row = [false, true, true, false];
    assert_eq!(by_pixel, [[false; 4], middle_row, [false; 4]].concat());

    let outcome = run(
        all.graph(),
        &state,
        &Batch::new(&g, vec![f64::NAN, 3.0], vec![0]).unwrap(),
        Mode::Training,
        &Settings::default(),
    );
    let values = body_value(&g, &outcome.unwrap());
    assert_eq!(values.iter().map(|v| v.is_nan()).collect::<Vec<_>>(), [true, true, false, true, true, false]);
}

#[test]
fn relu_passes_nan_on() {
    let g = graph(1, 3, |g, x| g.activation(x, Activation::Relu));
    let values = body_value(&g, &train(&g, &[-1.0, f64::NAN, 2.0], &[0], &Settings::default()));
    assert!(values[0] == 0.0 && values[1].is_nan() && values[2] == 2.0);
}

#[test]
fn rows_that_are_masked_do_not_exist() {
    // The same rows in a graph for two images and in one for five.
    let body = |g: &mut Graph, x: NodeId| {
        let x = g.batch_norm(x, "norm")?;
        g.dropout(x)
    };
    let (small, large) = (graph(2, 3, body), graph(5, 3, body));
    let pixels = [1.0, 2.0, -1.0, 0.5, 0.25, 4.0];
    let settings = Settings { dropout: vec![0.5], ..Settings::default() };
    let [a, b] = [&small, &large].map(|g| train(g, &pixels, &[0, 1], &settings));
    assert_eq!(a.loss, b.loss);
    assert_eq!(a.running, b.running);
}

#[test]
fn dropout_draws_by_element_layer_and_step_only() {
    let g = graph(4, 5, |g, x| g.dropout(x));
    let ones = vec![1.0; 20];
    let draw = |p: f64, step: u64| {
        let masks = Masks::Drawn { key: [7, 8], step };
        let settings = Settings { dropout: vec![p], masks, ..Settings::default() };
        body_value(&g, &train(&g, &ones, &[0, 1, 0, 1], &settings))
    };
    let half = draw(0.5, 3);
    assert!(half.iter().all(|&v| v == 0.0 || v == 2.0) && half.contains(&0.0) && half.contains(&2.0));
    assert_eq!(half, draw(0.5, 3));
    assert_ne!(half, draw(0.5, 4));
    // An element that survives a high probability survives every lower one.
    for (low, high) in draw(0.3, 3).iter().zip(draw(0.6, 3)) {
        assert!(high == 0.0 || *low != 0.0);
    }
    assert_eq!(draw(0.0, 3), ones);
    assert_eq!(draw(1.0, 3), vec![0.0; 20]);
    // Element 6 is lane 2 of block 1.
    let lane = tunefork_rng::philox4x32_10([7, 8], [1, 3, 0, 0])[2];
    assert_eq!(half[6] == 0.0, lane < 1 << 31);
}

#[test]
fn evaluation_uses_running_statistics_and_no_dropout() {
    let g = graph(2, 2, |g, x| {
        let x = g.batch_norm(x, "norm")?;
        g.dropout(x)
    });
    let mut state = State::new(&g);
    state.parameters[0].fill(2.0);
    state.parameters[1].fill(1.0);
    state.running[0].mean.fill(3.0);
    state.running[0].variance.fill(4.0 - 1e-5);
    let batch = Batch::new(&g, vec![3.0, 5.0, 1.0, 7.0], vec![0, 1]).unwrap();
    let settings = Settings { dropout: vec![0.9], ..Settings::default() };
    let outcome = run(&g, &state, &batch, Mode::Evaluation, &settings).unwrap();
    assert_eq!(body_value(&g, &outcome), [1.0, 3.0, -1.0, 5.0]);
    assert_eq!(outcome.running, state.running);
}

#[test]
fn running_variance_is_unbiased() {
    let g = graph(2, 2, |g, x| g.batch_norm(x, "norm"));
    let running = &train(&g, &[1.0, 2.0, 3.0, 6.0], &[0, 1], &Settings::default()).running[0];
    let before = &testing::random_state(&g, 1).running[0];
    // Mean 3, biased variance 3.5, unbiased 14/3.
    assert!((running.mean[0] - (0.9 * before.mean[0] + 0.3)).abs() < 1e-12);
    assert!((running.variance[0] - (0.9 * before.variance[0] + 1.4 / 3.0)).abs() < 1e-12);
}

#[test]
fn what_does_not_fit_is_refused() {
    let g = graph(2, 2, |g, x| g.batch_norm(x, "norm"));
    let (state, settings) = (State::new(&g), Settings::default());
    let batch = |rows: usize, label: u16| Batch::new(&g, vec![0.0; 2 * rows], vec![label; rows]).unwrap();
    let refused = |state: &State, batch: &Batch, settings: &Settings| {
        run(&g, state, batch, Mode::Training, settings).unwrap_err().to_string()
    };
    assert_eq!(refused(&state, &batch(3, 0), &settings), "the batch has 3 rows, but must have 1 to 2");
    assert_eq!(refused(&state, &batch(0, 0), &settings), "the batch has 0 rows, but must have 1 to 2");
    assert_eq!(refused(&state, &batch(2, 2), &settings), "label 2 of row 0 is not below the 2 classes");
    let dropout = Settings { dropout: vec![0.5], ..settings.clone() };
    assert!(refused(&state, &batch(2, 0), &dropout).contains("dropout probabilities has 1 values"));
    let mut short = state.clone();
    short.parameters.pop();
    assert!(refused(&short, &batch(2, 0), &settings).contains("the list of parameters has 2 values"));

    let g = graph(2, 1, |g, x| g.batch_norm(x, "norm"));
    let one = Batch::new(&g, vec![1.0], vec![0]).unwrap();
    let error = run(&g, &State::new(&g), &one, Mode::Training, &settings).unwrap_err();
    assert_eq!(error, ReferenceError::SingleValue { name: "norm".into() });
    assert!(run(&g, &State::new(&g), &one, Mode::Evaluation, &settings).is_ok());
}
