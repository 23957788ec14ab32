//! What the builder refuses, and what it says.

use tunefork_graph::{Activation, Conv, Graph, GraphError, NoWorkspace, Plan, Window};

const CONV: Conv = Conv { channels: 4, kernel: 3, stride: 1, padding: 1, bias: true };
const PAIR: Window = Window { kernel: 2, stride: 2, padding: 0 };

fn graph() -> Graph {
    Graph::new(8, [5, 6, 2]).unwrap()
}

fn message<T: std::fmt::Debug>(result: Result<T, GraphError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn shapes_follow_the_windows() {
    let mut g = graph();
    let x = g.conv2d(g.input(), "a", Conv { kernel: 3, stride: 2, padding: 1, ..CONV }).unwrap();
    assert_eq!(g.node(x).shape.sizes(), [8, 3, 3, 4]);
    let x = g.max_pool(x, PAIR).unwrap();
    assert_eq!(g.node(x).shape.sizes(), [8, 1, 1, 4], "positions are rounded down");
    let x = g.flatten(x).unwrap();
    let x = g.dense(x, "b", 7, false).unwrap();
    assert_eq!(g.node(x).shape.sizes(), [8, 7]);
    let names: Vec<_> = g.parameters().iter().map(|p| (p.name.as_str(), p.shape.sizes().to_vec())).collect();
    assert_eq!(names, [("a.weight", vec![3, 3, 2, 4]), ("a.bias", vec![4]), ("b.weight", vec![4, 7])]);
}

#[test]
fn a_kernel_larger_than_the_image_is_refused_with_both_sizes() {
    let mut g = graph();
    let input = g.input();
    assert_eq!(
        message(g.conv2d(input, "conv3", Conv { kernel: 7, padding: 0, ..CONV })),
        "conv2d \"conv3\": the window 7x7 stride 1 padding 0 is larger than the image [8, 5, 6, 2]; \
         use a smaller kernel, more padding, or less pooling before it"
    );
    let small = g.max_pool(input, Window { kernel: 5, stride: 5, padding: 0 }).unwrap();
    assert!(message(g.max_pool(small, PAIR)).contains("max_pool: the window 2x2 stride 2 padding 0 is larger"));
    // A refused layer leaves the graph as it was: its name is free.
    assert!(g.conv2d(input, "conv3", CONV).is_ok());
}

#[test]
fn zeros_are_refused_by_name() {
    assert_eq!(
        message(Graph::new(8, [0, 6, 2])),
        "the input [8, 0, 6, 2] is empty: batch, height, width and channels must be at least 1"
    );
    let mut g = graph();
    let input = g.input();
    assert_eq!(
        message(g.group_norm(input, "n", 0)),
        "group_norm \"n\": the number of groups must be at least 1, got 0"
    );
    let conv = |conv| message(graph().conv2d(input, "c", conv));
    assert_eq!(conv(Conv { stride: 0, ..CONV }), "conv2d \"c\": the stride must be at least 1, got 0");
    assert_eq!(conv(Conv { kernel: 0, ..CONV }), "conv2d \"c\": the kernel must be at least 1, got 0");
    assert_eq!(conv(Conv { channels: 0, ..CONV }), "conv2d \"c\": channels must be at least 1, got 0");
    let flat = g.flatten(input).unwrap();
    assert_eq!(message(g.dense(flat, "d", 0, true)), "dense \"d\": outputs must be at least 1, got 0");
}

#[test]
fn inputs_of_the_wrong_kind_are_refused() {
    let mut g = graph();
    let input = g.input();
    assert_eq!(
        message(g.dense(input, "d", 3, true)),
        "dense \"d\": the input is [8, 5, 6, 2], but it must be features [N, F] (flatten images first)"
    );
    let flat = g.flatten(input).unwrap();
    assert!(message(g.global_average_pool(flat)).contains("must be images [N, H, W, C]"));
    assert_eq!(message(g.add(input, flat)), "add: the shapes [8, 5, 6, 2] and [8, 60] differ");
    assert!(message(g.max_pool(input, Window { padding: 2, ..PAIR })).contains("padding 2 is more than half"));
    let mut other = graph();
    let foreign = other.conv2d(other.input(), "c", CONV).unwrap();
    assert!(message(g.activation(foreign, Activation::Relu)).contains("no tensor of this graph"));
}

#[test]
fn a_norm_over_one_value_is_refused() {
    let mut g = Graph::new(1, [1, 1, 3]).unwrap();
    let input = g.input();
    assert!(message(g.batch_norm(input, "n")).contains("batch_norm \"n\": the input [1, 1, 1, 3] has one value"));
    assert!(matches!(g.group_norm(input, "n", 3), Err(GraphError::SingleValueGroup { groups: 3, .. })));
    assert!(matches!(g.group_norm(input, "n", 2), Err(GraphError::UnevenGroups { groups: 2, channels: 3, .. })));
    assert!(g.group_norm(input, "n", 1).is_ok());
}

#[test]
fn sizes_beyond_the_limit_are_refused_instead_of_overflowing() {
    assert!(matches!(Graph::new(usize::MAX, [2, 2, 2]), Err(GraphError::TooLarge { .. })));
    let mut g = graph();
    let input = g.input();
    let huge = [Conv { channels: usize::MAX, ..CONV }, Conv { padding: usize::MAX, ..CONV }];
    for conv in huge {
        assert!(g.conv2d(input, "c", conv).is_err(), "{conv:?}");
    }
    let huge = Conv { kernel: usize::MAX, padding: usize::MAX / 2, ..CONV };
    assert!(g.conv2d(input, "c", huge).is_err());
    let limit = Graph::MAX_ELEMENTS;
    assert!(g.conv2d(input, "c", Conv { kernel: limit, padding: limit, ..CONV }).is_err());
    let flat = g.flatten(input).unwrap();
    assert!(matches!(g.dense(flat, "d", usize::MAX, true), Err(GraphError::TooLarge { .. })));
}

#[test]
fn a_graph_needs_one_loss_and_something_to_train() {
    let mut g = graph();
    let flat = g.flatten(g.input()).unwrap();
    assert_eq!(message(Plan::new(&g, 1, &NoWorkspace)), "the graph has no loss: end it with softmax_cross_entropy");
    assert_eq!(
        message(g.softmax_cross_entropy(flat, 10)),
        "softmax_cross_entropy: the logits are [8, 60], but there are 10 classes"
    );
    g.softmax_cross_entropy(flat, 60).unwrap();
    assert_eq!(message(g.softmax_cross_entropy(flat, 60)), "the graph has a loss already");
    assert_eq!(
        message(g.activation(g.loss().unwrap(), Activation::Relu)),
        "relu: the input is [], but it must be images [N, H, W, C] or features [N, F]"
    );
    assert_eq!(message(Plan::new(&g, 1, &NoWorkspace)), "the graph has no parameters: there is nothing to train");
}

#[test]
fn names_are_given_once() {
    let mut g = graph();
    let x = g.conv2d(g.input(), "a", CONV).unwrap();
    assert_eq!(message(g.batch_norm(x, "a")), "two layers have the name \"a\"");
}

#[test]
fn an_evaluation_batch_must_have_a_size_that_fits() {
    let mut g = graph();
    let flat = g.flatten(g.input()).unwrap();
    let x = g.dense(flat, "head", 3, true).unwrap();
    g.softmax_cross_entropy(x, 3).unwrap();
    assert_eq!(message(Plan::new(&g, 0, &NoWorkspace)), "the evaluation: the batch must be at least 1, got 0");
    assert!(message(Plan::new(&g, usize::MAX, &NoWorkspace)).contains("has more than 17179869184 elements"));
}
