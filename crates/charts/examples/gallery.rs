//! Every kind of chart, for looking at: `cargo run -p tunefork-charts --example gallery -- FOLDER` writes `index.html`, and a
//! file for each figure at two widths; with `--features png` a picture of each, too.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use tunefork_charts::{
    Axis, Bar, Cell, Chart, Colour, Figure, Interval, Layer, Palette, Panel, Parallel, Point, Polyline, STYLE, Shape,
    Sharing, Unit, distribution, histogram, surface,
};

/// A made-up trial.
struct Trial {
    number: u32,
    rate: f64,
    dropout: f64,
    layers: f64,
    optimizer: f64,
    parameters: f64,
    accuracy: f64,
    was_stopped: bool,
}

const OPTIMIZERS: [&str; 4] = ["sgd", "adam", "adamw", "rmsprop"];

/// Numbers from 0 to 1 that look random (Lehmer's generator).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 as f64 / 2_147_483_647.0
    }
}

fn trials(count: u32) -> Vec<Trial> {
    let mut numbers = Numbers(20_240_607);
    let mut draw = || numbers.next();
    let trial = |number: u32| {
        let sharpness = 1.0 - 0.6 * f64::from(number) / f64::from(count);
        let rate = 10f64.powf(-3.0 + sharpness * (4.0 * draw() - 2.0));
        let (dropout, layers) = (0.6 * draw(), (1.0 + 5.0 * draw()).floor());
        let optimizer = (4.0 * draw()).floor().min(3.0);
        let loss =
            0.012 * (rate.log10() + 3.0).powi(2) + 0.15 * (dropout - 0.25).powi(2) + 0.006 * (layers - 4.0).abs();
        let accuracy = 0.95 - loss - 0.01 * draw() - if optimizer == 0.0 { 0.01 } else { 0.0 };
        let parameters = 10f64.powf(4.0 + 0.35 * layers + 0.5 * draw());
        Trial {
            number,
            rate,
            dropout,
            layers,
            optimizer,
            parameters,
            accuracy,
            was_stopped: accuracy < 0.9 && draw() < 0.7,
        }
    };
    (0..count).map(trial).collect()
}

fn point(trial: &Trial, x: f64, y: f64) -> Point {
    Point::new(x, y).key(trial.number).tip(format!("trial {}: {:.2} %", trial.number, 100.0 * trial.accuracy))
}

fn accuracy() -> Axis {
    Axis::linear("validation accuracy").percent()
}

fn history(trials: &[Trial]) -> Figure {
    let of = |stopped: bool| -> Vec<Point> {
        let chosen = trials.iter().filter(|trial| trial.was_stopped == stopped);
        chosen.map(|trial| point(trial, trial.number.into(), trial.accuracy)).collect()
    };
    let mut best = f64::MIN;
    let best_so_far: Vec<Point> = trials
        .iter()
        .map(|trial| {
            best = best.max(trial.accuracy);
            Point::new(trial.number.into(), best)
        })
        .collect();
    let chart = Chart::new(Axis::linear("trial").whole(), accuracy())
        .layer(Layer::points(of(false)).name("complete"))
        .layer(Layer::points(of(true)).name("stopped").shape(Shape::Cross).colour(Colour::Muted))
        .layer(Layer::steps(best_so_far).name("best so far").colour(Colour::Series(2)))
        .layer(Layer::rule_y(0.9).name("default"));
    Figure::new("history", "Accuracy of every trial").description("Accuracy rises over the trials.").panel(chart)
}

fn slices(trials: &[Trial]) -> Figure {
    let slice = |axis: Axis, of: fn(&Trial) -> f64, spread: bool| {
        let points: Vec<Point> =
            trials.iter().map(|trial| point(trial, of(trial), trial.accuracy).value(trial.number.into())).collect();
        let layer = Layer::points(points).thin();
        Chart::new(axis, accuracy()).colour(Axis::linear("trial").whole(), Palette::Sequential).layer(if spread {
            layer.spread()
        } else {
            layer
        })
    };
    Figure::new("slices", "Accuracy over each parameter")
        .columns(3)
        .sharing(Sharing::RowsAndColumns)
        .panel(slice(Axis::log10("learning rate"), |trial| trial.rate, false))
        .panel(slice(Axis::linear("dropout"), |trial| trial.dropout, false))
        .panel(slice(Axis::band("optimizer", OPTIMIZERS), |trial| trial.optimizer, true))
}

fn parameters(trials: &[Trial]) -> Figure {
    let best = trials.iter().max_by(|one, other| one.accuracy.total_cmp(&other.accuracy));
    let points = trials.iter().map(|trial| {
        let point = point(trial, trial.parameters, trial.accuracy).value(trial.layers);
        if best.is_some_and(|best| best.number == trial.number) { point.label("best: trial 17") } else { point }
    });
    let chart = Chart::new(Axis::log10("parameters"), accuracy())
        .colour(Axis::linear("layers").whole(), Palette::Sequential)
        .layer(Layer::points(points.collect::<Vec<_>>()));
    Figure::new("parameters", "Accuracy against parameters").panel(chart)
}

fn curve(numbers: &mut Numbers, best: f64, epochs: u32) -> Vec<Point> {
    let speed = 2.0 + 6.0 * numbers.next();
    (1..=epochs)
        .map(|epoch| {
            let value = best * (1.0 - (-f64::from(epoch) / speed).exp()) + 0.01 * numbers.next();
            Point::new(epoch.into(), value)
        })
        .collect()
}

fn curves(trials: &[Trial]) -> Figure {
    let mut numbers = Numbers(99);
    let mut layers = Vec::new();
    for trial in &trials[..40] {
        let epochs = if trial.was_stopped { 3 + trial.number % 9 } else { 30 };
        let points = curve(&mut numbers, trial.accuracy, epochs);
        let layer =
            Layer::line(points).thin().colour(Colour::Muted).key(trial.number).tip(format!("trial {}", trial.number));
        layers.push(if trial.was_stopped { layer.end(Shape::Cross) } else { layer });
    }
    layers.push(Layer::line(curve(&mut numbers, 0.95, 30)).name("trial 17, the best").key(17));
    let chart = Chart::new(Axis::linear("epoch").whole(), accuracy()).layers(layers);
    Figure::new("curves", "Learning curves").panel(chart)
}

fn curve_panels() -> Figure {
    let mut numbers = Numbers(7);
    let panels = (0..11u32).map(|number| {
        let training = curve(&mut numbers, 0.98, 20);
        let validation = curve(&mut numbers, 0.85 + 0.01 * f64::from(number), 20);
        Chart::new(Axis::linear("epoch").whole(), Axis::linear("accuracy").percent())
            .title(format!("trial {number}"))
            .layer(Layer::line(training).name("training").colour(Colour::Muted))
            .layer(Layer::line(validation).name("validation"))
    });
    Figure::new("panels", "Learning curves of the best trials").columns(4).sharing(Sharing::Everything).panels(panels)
}

fn named_lines() -> Figure {
    let mut numbers = Numbers(5);
    let layers = OPTIMIZERS.iter().enumerate().map(|(i, name)| {
        let value = 0.9 + 0.004 * i as f64;
        Layer::line(curve(&mut numbers, value, 20)).name(*name).colour(Colour::Series(i as u8 + 1))
    });
    let chart = Chart::new(Axis::linear("time").seconds(), Axis::linear("accuracy").percent());
    let chart = chart.layers(layers).layer(Layer::rule_x(12.0).name("first rung"));
    Figure::new("lines", "Mean accuracy of each optimizer").panel(chart)
}

fn importances() -> Figure {
    let shares = [
        ("learning rate", 0.612),
        ("dropout", 0.204),
        ("layers", 0.11),
        ("optimizer", 0.05),
        ("a parameter with quite a long name, of layer 3", 0.024),
    ];
    let bars = shares.iter().enumerate().map(|(i, (name, share))| {
        Bar::new(i, *share).label(format!("{:.1} %", 100.0 * share)).tip(format!("{name}: {share}"))
    });
    let chart = Chart::new(Axis::linear("importance").percent(), Axis::band("", shares.map(|(name, _)| name)))
        .layer(Layer::bars(bars.collect::<Vec<_>>()));
    Figure::new("importances", "What mattered").panel(chart)
}

fn counts() -> Figure {
    let states = ["complete", "stopped", "failed", "running", "waiting"];
    let bars =
        [61.0, 34.0, 3.0, 2.0, 0.0].iter().enumerate().map(|(i, &count)| Bar::new(i, count).label(format!("{count}")));
    let chart =
        Chart::new(Axis::band("", states), Axis::linear("trials").whole()).layer(Layer::bars(bars.collect::<Vec<_>>()));
    let long: Vec<String> = (0..12).map(|i| format!("class number {i} of the set")).collect();
    let recalls = (0..12).map(|i| Bar::new(i, 0.6 + 0.03 * f64::from(i as u32)));
    let turned = Chart::new(Axis::band("class", long), Axis::linear("recall").percent())
        .layer(Layer::bars(recalls.collect::<Vec<_>>()).colour(Colour::Series(3)));
    Figure::new("counts", "Counts, and names that are turned").columns(2).panel(chart).panel(turned)
}

fn distributions(trials: &[Trial]) -> Figure {
    let values: Vec<f64> = trials.iter().map(|trial| trial.accuracy).collect();
    let rates: Vec<f64> = trials.iter().map(|trial| trial.rate).collect();
    let (linear, log) = (accuracy(), Axis::log10("learning rate"));
    let first =
        Chart::new(linear.clone(), Axis::linear("trials").whole()).layer(Layer::bars(histogram(&linear, &values)));
    let second = Chart::new(log.clone(), Axis::linear("trials").whole())
        .layer(Layer::bars(histogram(&log, &rates)).colour(Colour::Series(3)));
    let third = Chart::new(linear, Axis::linear("part of the trials").percent().range(0.0, 1.0))
        .layer(Layer::steps(distribution(&values)));
    Figure::new("distributions", "How accuracies are distributed").columns(3).panel(first).panel(second).panel(third)
}

fn effects() -> Figure {
    let first = [0.912, 0.934, 0.941, 0.925];
    let names = Axis::band("optimizer", OPTIMIZERS);
    let intervals = first
        .iter()
        .enumerate()
        .map(|(i, mean)| Interval::new(i as f64, mean - 0.01, *mean, mean + 0.008).tip("5 runs"));
    let upright = Chart::new(names, accuracy()).layer(Layer::intervals(intervals.collect::<Vec<_>>()));
    let rates = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2];
    let line = rates.map(|rate: f64| Point::new(rate, 0.94 - 0.02 * (rate.log10() + 3.0).powi(2)));
    let around = line.clone().map(|_| ()).len();
    let intervals = (0..around).map(|i| {
        let mean = 0.94 - 0.02 * (rates[i].log10() + 3.0).powi(2);
        Interval::new(rates[i], mean - 0.006, mean, mean + 0.006)
    });
    let numeric = Chart::new(Axis::log10("learning rate"), accuracy())
        .layer(Layer::line(line).thin())
        .layer(Layer::intervals(intervals.collect::<Vec<_>>()));
    Figure::new("effects", "One factor at a time").columns(2).panel(upright).panel(numeric)
}

fn correlations() -> Figure {
    let names = ["learning rate", "dropout", "layers", "batch size", "accuracy"];
    let mut numbers = Numbers(3);
    let mut cells = Vec::new();
    for i in 0..5usize {
        for j in 0..5usize {
            let value = if i == j { 1.0 } else { 2.0 * numbers.next() - 1.0 };
            cells.push(
                Cell::new(j, i, value)
                    .label(format!("{value:.2}").replace('-', "−"))
                    .tip(format!("{} and {}", names[i], names[j])),
            );
        }
    }
    let chart = Chart::new(Axis::band("", names), Axis::band("", names))
        .colour(Axis::linear("rank correlation").range(-1.0, 1.0), Palette::Diverging)
        .layer(Layer::cells(cells));
    Figure::new("correlations", "Correlations").panel(chart)
}

fn confusion() -> Figure {
    let names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    let mut numbers = Numbers(11);
    let mut cells = Vec::new();
    for i in 0..10usize {
        for j in 0..10usize {
            let count = if i == j { 800.0 + 180.0 * numbers.next() } else { (40.0 * numbers.next().powi(3)).floor() };
            cells.push(Cell::new(j, i, count.floor()).label(format!("{}", count.floor())));
        }
    }
    let chart = Chart::new(Axis::band("predicted", names), Axis::band("true class", names))
        .colour(Axis::linear("images").containing(0.0), Palette::Sequential)
        .layer(Layer::cells(cells))
        .square();
    Figure::new("confusion", "Confusion of the classes").panel(chart)
}

fn timeline(trials: &[Trial]) -> Figure {
    let mut numbers = Numbers(13);
    let mut ends = [0.0f64; 4];
    let (mut complete, mut stopped) = (Vec::new(), Vec::new());
    for trial in &trials[..60] {
        let slot = (0..4).min_by(|&i, &j| ends[i].total_cmp(&ends[j])).unwrap_or(0);
        let length = if trial.was_stopped { 60.0 } else { 500.0 } + 200.0 * numbers.next();
        let bar = Bar::between(slot, ends[slot], ends[slot] + length)
            .key(trial.number)
            .tip(format!("trial {}", trial.number));
        ends[slot] += length;
        if trial.was_stopped { &mut stopped } else { &mut complete }.push(bar);
    }
    let chart = Chart::new(Axis::linear("time").seconds().containing(0.0), Axis::band("slot", ["0", "1", "2", "3"]))
        .layer(Layer::bars(complete).name("complete"))
        .layer(Layer::bars(stopped).name("stopped").colour(Colour::Series(4)));
    Figure::new("timeline", "When each trial ran").panel(chart)
}

fn coordinates(trials: &[Trial]) -> Figure {
    let lines = trials.iter().map(|trial| {
        let dropout = if trial.number % 5 == 0 { f64::NAN } else { trial.dropout };
        Polyline::new([trial.rate, dropout, trial.layers, trial.optimizer, trial.accuracy])
            .value(trial.accuracy)
            .key(trial.number)
            .tip(format!("trial {}", trial.number))
    });
    let axes = [
        Axis::log10("learning rate"),
        Axis::linear("dropout"),
        Axis::linear("layers").whole(),
        Axis::band("optimizer", OPTIMIZERS),
        accuracy(),
    ];
    let parallel = Parallel::new(axes).colour(accuracy(), Palette::Sequential).lines(lines);
    Figure::new("coordinates", "All parameters of all trials").panel(parallel)
}

fn matrix(trials: &[Trial]) -> Figure {
    type Of = fn(&Trial) -> f64;
    let columns: [(Axis, Of); 4] = [
        (Axis::log10("learning rate"), |trial| trial.rate),
        (Axis::linear("dropout"), |trial| trial.dropout),
        (Axis::log10("parameters"), |trial| trial.parameters),
        (accuracy(), |trial| trial.accuracy),
    ];
    let mut figure = Figure::new("matrix", "Parameters against each other").columns(3).sharing(Sharing::RowsAndColumns);
    for i in 1..4 {
        for j in 0..3 {
            if j >= i {
                figure = figure.panel(Panel::Empty);
                continue;
            }
            let points =
                trials.iter().map(|trial| Point::new(columns[j].1(trial), columns[i].1(trial)).value(trial.accuracy));
            let chart = Chart::new(columns[j].0.clone(), columns[i].0.clone())
                .colour(accuracy(), Palette::Sequential)
                .layer(Layer::points(points.collect::<Vec<_>>()).thin());
            figure = figure.panel(chart);
        }
    }
    figure
}

fn contour(trials: &[Trial]) -> Figure {
    let (x, y) = (Axis::log10("learning rate"), Axis::linear("dropout"));
    let known: Vec<Point> =
        trials.iter().map(|trial| Point::new(trial.rate, trial.dropout).value(trial.accuracy)).collect();
    let points: Vec<Point> = trials.iter().map(|trial| point(trial, trial.rate, trial.dropout)).collect();
    let cells = surface(&x, &y, &known);
    let chart = Chart::new(x, y)
        .colour(accuracy(), Palette::Sequential)
        .layer(Layer::cells(cells))
        .layer(Layer::points(points).thin().colour(Colour::Ink));
    Figure::new("contour", "Accuracy over two parameters").panel(chart)
}

fn interaction() -> Figure {
    let mut cells = Vec::new();
    for i in 0..4usize {
        for j in 0..3usize {
            let value = 0.85 + 0.02 * i as f64 + 0.013 * (j as f64 - 1.0) * i as f64;
            cells.push(Cell::new(j, i, value).label(format!("{:.1}", 100.0 * value)));
        }
    }
    let chart = Chart::new(Axis::band("batch size", ["32", "64", "128"]), Axis::band("optimizer", OPTIMIZERS))
        .colour(accuracy(), Palette::Sequential)
        .layer(Layer::cells(cells));
    Figure::new("interaction", "Two parameters together").panel(chart)
}

fn hostile() -> Figure {
    let names = [
        "<script>alert(1)</script>",
        "a\0b\u{7}\nc \"q\" & 'r'",
        "👩‍🔬 emoji 🎉",
        "\u{202e}turned \u{5d0}\u{5d1}\u{5d2}",
        "日本語の名前です",
    ];
    let long = "x".repeat(10_000);
    let bars = (0..5usize).map(|i| Bar::new(i, i as f64 + 1.0).label(names[i]).tip(long.clone()));
    let chart = Chart::new(Axis::linear(long.clone()).unit(Unit::Named("<&>".into())), Axis::band("", names))
        .title(format!("title {long}"))
        .layer(Layer::bars(bars.collect::<Vec<_>>()).name(names[0]));
    let values = [0.0, -1.0, f64::NAN, 1e300, 1e-300, 5.0];
    let points: Vec<Point> = values.iter().enumerate().map(|(i, &value)| Point::new(i as f64, value)).collect();
    let extreme = Chart::new(Axis::linear("n"), Axis::log10("values from 1e-300 to 1e300")).layer(Layer::line(points));
    let equal = Chart::new(Axis::linear("x"), Axis::linear("all equal"))
        .layer(Layer::points([Point::new(3.0, 0.5), Point::new(3.0, 0.5)]));
    let none = Chart::new(Axis::linear("x"), Axis::linear("no points"));
    Figure::new("<id>", "Hostile <names> & values").columns(2).panel(chart).panel(extreme).panel(equal).panel(none)
}

/// Every kind of figure, of so many trials: at least 60.
pub(crate) fn figures(count: u32) -> Vec<Figure> {
    let trials = trials(count);
    vec![
        history(&trials),
        slices(&trials),
        parameters(&trials),
        curves(&trials),
        curve_panels(),
        named_lines(),
        importances(),
        counts(),
        distributions(&trials),
        effects(),
        correlations(),
        confusion(),
        timeline(&trials),
        coordinates(&trials),
        matrix(&trials),
        contour(&trials),
        interaction(),
        hostile(),
    ]
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("which folder?")?);
    fs::create_dir_all(&folder)?;
    let figures = figures(env::args().nth(2).map_or(Ok(150), |count| count.parse())?);
    let mut page = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>Gallery</title><style>{STYLE}\nbody{{background:var(--paper);color:var(--ink);\
         font-family:system-ui,sans-serif;max-width:720px;margin:1em auto}}</style>\n"
    );
    for (i, figure) in figures.into_iter().enumerate() {
        page += &figure.inline();
        page.push('\n');
        fs::write(folder.join(format!("{i:02}.svg")), figure.svg())?;
        #[cfg(feature = "png")]
        fs::write(folder.join(format!("{i:02}.png")), tunefork_charts::png(&figure.svg(), 2.0)?)?;
        fs::write(folder.join(format!("{i:02}-narrow.svg")), figure.width(360).svg())?;
    }
    fs::write(folder.join("index.html"), page)?;
    Ok(())
}
