//! One small chart to the letter, so that a change of the drawing is seen. `TUNEFORK_BLESS=1` writes it anew.

use std::path::Path;
use std::{env, fs};

use tunefork_charts::{Axis, Chart, Colour, Figure, Layer, Palette, Point, Shape};

fn small() -> Figure {
    let points = [(0.001, 0.90, 3.0), (0.01, 0.95, 5.0), (0.1, 0.88, 1.0), (-1.0, 0.9, 1.0), (0.01, f64::NAN, 1.0)];
    let points: Vec<Point> = points
        .iter()
        .zip(0..)
        .map(|(&(x, y, value), number)| Point::new(x, y).value(value).key(number).tip(format!("trial {number}")))
        .collect();
    let best = [Point::new(0.001, 0.90), Point::new(0.01, 0.95), Point::new(0.1, 0.95)];
    let chart = Chart::new(Axis::log10("learning rate"), Axis::linear("accuracy").percent())
        .colour(Axis::linear("layers").whole(), Palette::Sequential)
        .layer(Layer::points(points))
        .layer(Layer::steps(best).name("best").colour(Colour::Series(2)).end(Shape::Ring))
        .layer(Layer::rule_y(0.9).name("default <it>"));
    Figure::new("small", "Accuracy & rate").description("It is best in the middle.").panel(chart)
}

#[test]
fn a_small_chart_is_drawn_as_it_always_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small.svg");
    let drawn = small().inline().replace("><", ">\n<") + "\n";
    if env::var_os("TUNEFORK_BLESS").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    assert_eq!(drawn, fs::read_to_string(&path).unwrap().replace("\r\n", "\n"));
}

#[test]
fn what_is_not_drawn_is_told() {
    let told = "It is best in the middle. 1 value that is no number is not drawn. \
                1 value that is not positive has no place on a logarithmic axis.";
    assert!(small().inline().contains(told));
}

#[test]
fn a_page_of_twenty_figures_of_a_thousand_trials_stays_small() {
    let points: Vec<Point> = (0..1000u32)
        .map(|number| {
            let y = 0.9 + 0.05 * (f64::from(number) * 0.618).fract();
            Point::new(number.into(), y).key(number).tip(format!("trial {number}: {:.2} %", 100.0 * y))
        })
        .collect();
    let chart = Chart::new(Axis::linear("trial"), Axis::linear("accuracy")).layer(Layer::points(points));
    assert!(Figure::new("large", "").panel(chart).inline().len() < 100_000);
}
