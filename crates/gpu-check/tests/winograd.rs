//! How Winograd's products round, on the shapes of the reports' networks: against sums in order, as the plain kernels have
//! them, and both against the reference.
//!
//!     cargo test -p tunefork-gpu-check --test winograd -- --nocapture

use tunefork_emulator::{Host, SANITIZED, Schedule};
use tunefork_gpu_check::{Case, Failure, Stored};
use tunefork_graph::Window;
use tunefork_kernels::launch::conv::{DataGradient, Forward};
use tunefork_kernels::launch::plain;
use tunefork_kernels::{Conv2d, DeviceMemory, Precision, StepRow};
use tunefork_reference::{Tensor, ops};

/// Size of an image, channels, filters: m1's second convolution, m2's third and m3's, on smaller images.
const SHAPES: [(usize, usize, usize); 4] = [(14, 32, 64), (28, 64, 128), (16, 128, 256), (8, 256, 256)];

fn tensor(shape: &[usize], values: &[f64]) -> Tensor {
    Tensor::from_shape_vec(shape, values.to_vec()).expect("as many values")
}

/// Root mean square and largest distance.
fn distance(found: &[f64], expected: &[f64]) -> [f64; 2] {
    let squares = found.iter().zip(expected).map(|(found, expected)| (found - expected).powi(2));
    let largest = squares.clone().fold(0.0, f64::max).sqrt();
    [(squares.sum::<f64>() / found.len() as f64).sqrt(), largest]
}

/// One image of a batch that is large enough for Winograd's tiles: an activation as ReLU leaves it, or a gradient, and filters as they are initialised.
fn errors(case: &mut Case, conv: &Conv2d, backward: bool) -> Result<[[f64; 2]; 2], Failure> {
    let stream = case.stream.clone();
    let (from, to) = if backward { (conv.filters, conv.channels) } else { (conv.channels, conv.filters) };
    let pixels = conv.height * conv.width;
    let mut x = case.values(conv.batch * pixels * from);
    let mut w = case.values(conv.weights_len());
    if !backward {
        x.iter_mut().for_each(|x| *x = x.max(0.0));
    }
    w.iter_mut().for_each(|w| *w *= (2.0 / (9 * from) as f64).sqrt());
    let on_x = Stored::new(case, Precision::F32, &mut x)?;
    let on_w = Stored::new(case, Precision::F32, &mut w)?;
    let fast = Stored::poisoned(case, Precision::F32, conv.batch * pixels * to)?;
    let slow = Stored::poisoned(case, Precision::F32, conv.batch * pixels * to)?;
    let step = DeviceMemory::of(&stream, &[StepRow { rows: 1, ..StepRow::default() }])?;
    let image = tensor(&[1, conv.height, conv.width, from], &x[..pixels * from]);
    let filters = tensor(&[3, 3, conv.channels, conv.filters], &w);
    let window = Window { kernel: 3, stride: 1, padding: 1 };
    let expected = if backward {
        DataGradient { conv: *conv, precision: Precision::F32 }.run(
            &*stream,
            step.all(),
            on_x.span(),
            on_w.span(),
            fast.span(),
            false,
            None,
        )?;
        plain::conv_data_gradient(&*stream, conv, 1, on_x.span().cast(), on_w.span().cast(), slow.span().cast())?;
        ops::conv::input_gradient(window, [conv.height, conv.width], &filters, &image)
    } else {
        let forward =
            Forward { conv: *conv, precision: Precision::F32, bias: false, activation: None, statistics: false };
        forward.run(&*stream, step.all(), on_x.span(), on_w.span(), None, fast.span(), None)?;
        plain::conv_forward(&*stream, conv, 1, on_x.span().cast(), on_w.span().cast(), None, slow.span().cast())?;
        ops::conv::forward(window, &image, &filters, None)
    };
    let expected: Vec<f64> = expected.into_iter().collect();
    let (fast, slow) = (fast.read(case)?, slow.read(case)?);
    Ok([fast, slow].map(|found| distance(&found[..pixels * to], &expected)))
}

/// Not beyond twice the error of the direct product; in fact below it.
#[test]
fn it_rounds_less_than_sums_in_order() {
    let mut case = Case::new(Host::stream(80, Schedule::RoundRobin), 7);
    // A sanitizer takes several times as long.
    for &(size, channels, filters) in &SHAPES[..if SANITIZED { 1 } else { SHAPES.len() }] {
        let conv =
            Conv2d { batch: 128, height: size, width: size, channels, filters, kernel: 3, stride: 1, padding: 1 };
        for backward in [false, true] {
            let [fast, slow] = errors(&mut case, &conv, backward).expect("both run");
            let ratios: [f64; 2] = std::array::from_fn(|i| fast[i] / slow[i]);
            let what = if backward { "data gradient" } else { "forward" };
            println!(
                "{size}x{size}, {channels} channels, {filters} filters, {what}: root mean square {:.1e} of {:.1e} ({:.2}), \
                 largest {:.1e} of {:.1e} ({:.2})",
                fast[0], slow[0], ratios[0], fast[1], slow[1], ratios[1],
            );
            assert!(ratios[0] < 1.0 && ratios[1] < 2.0, "{what} of {conv:?}: {ratios:?} of the direct sums' error");
        }
    }
}
