//! What a chart says, seen from outside.

use tunefork_charts::{
    Axis, Bar, Cell, Chart, Colour, Figure, Interval, Layer, Mark, Palette, Panel, Parallel, Point, Polyline, STYLE,
    Shape, Sharing,
};

fn drawn(chart: Chart) -> String {
    Figure::new("figure", "Title").panel(chart).inline()
}

fn plain() -> Chart {
    Chart::new(Axis::linear("").range(0.0, 10.0), Axis::linear("").range(0.0, 10.0))
}

fn line(values: &[f64]) -> Vec<Point> {
    values.iter().zip(0u8..).map(|(&value, i)| Point::new(i.into(), value)).collect()
}

#[test]
fn few_lines_are_named_at_their_ends_and_many_in_a_legend() {
    let lines = |count: u8| {
        (0..count).map(|i| Layer::line(line(&[1.0, 2.0])).name(format!("line {i}")).colour(Colour::Series(i)))
    };
    // In a legend, a line's stroke lies at the height of its own group.
    assert!(!drawn(plain().layers(lines(8))).contains("d=\"M0 8H16\""));
    assert_eq!(drawn(plain().layers(lines(9))).matches("d=\"M0 8H16\"").count(), 9);
    assert!(drawn(plain().layers(lines(9))).contains(">line 8</text>"));
}

#[test]
fn what_leaves_a_given_range_is_cut_off_or_counted() {
    let svg = drawn(plain().layer(Layer::line(line(&[1.0, 20.0, 2.0]))));
    assert!(svg.contains("overflow=\"hidden\"") && !svg.contains("outside"));
    let svg = drawn(plain().layer(Layer::points(line(&[1.0, 20.0, -2.0]))));
    assert!(!svg.contains("overflow") && svg.contains("2 values lie outside of the axes."));
}

#[test]
fn a_value_that_is_no_number_breaks_a_line() {
    let svg = drawn(plain().layer(Layer::line(line(&[1.0, 2.0, f64::NAN, 3.0]))));
    let start = svg.find("class=\"l s1\" d=\"").unwrap();
    let d = svg[start..].split('"').nth(3).unwrap();
    assert_eq!((d.matches('M').count(), d.ends_with("h0")), (2, true), "{d}");
}

#[test]
fn marks_have_keys_and_tooltips() {
    let tagged = [
        Layer::points([Point::new(1.0, 1.0).key(1).tip("<one>")]),
        Layer::line(line(&[1.0, 2.0])).key(2).tip("two"),
        Layer::bars([Bar::new(1.0, 2.0).key(3).tip("three")]),
        Layer::intervals([Interval::new(1.0, 1.0, 2.0, 3.0).key(4).tip("four")]),
        Layer::cells([Cell::new((1.0, 2.0), (1.0, 2.0), 1.0).key(5).tip("five")]),
        Layer::new(Mark::RuleX(3.0)).key(6).tip("six"),
    ];
    let svg = drawn(plain().colour(Axis::linear(""), Palette::Sequential).layers(tagged));
    for (key, tip) in [(1, "&lt;one&gt;"), (2, "two"), (3, "three"), (4, "four"), (5, "five"), (6, "six")] {
        assert!(svg.contains(&format!("data-key=\"{key}\"><title>{tip}</title>")), "{key}: {svg}");
    }
    let parallel = Parallel::new([Axis::linear("a"), Axis::linear("b")]).lines([Polyline::new([1.0, 2.0]).key(7)]);
    assert!(Figure::new("", "").panel(parallel).svg().contains("data-key=\"7\""));
}

#[test]
fn bars_lie_where_only_the_y_axis_has_categories() {
    let (names, numbers) = (Axis::band("", ["a", "b"]), Axis::linear("").range(0.0, 1.0));
    let bars = Layer::bars([Bar::new(0, 1.0)]);
    let standing = drawn(Chart::new(names.clone(), numbers.clone()).layer(bars.clone()));
    let lying = drawn(Chart::new(numbers, names).layer(bars));
    let size = |svg: &str| -> (f64, f64) {
        let d = svg.split("class=\"b s1\"><path d=\"").nth(1).unwrap().split('"').next().unwrap();
        let (wide, high) = d.split_once('h').unwrap().1.split_once('v').unwrap();
        (wide.parse().unwrap(), high.split('h').next().unwrap().parse().unwrap())
    };
    assert!(size(&standing).0 < 300.0 && size(&standing).1 > 150.0);
    assert!(size(&lying).0 > 500.0 && size(&lying).1 < 30.0);
}

#[test]
fn shared_axes_have_the_same_limits_and_their_numbers_once() {
    let chart =
        |value: f64| Chart::new(Axis::linear("x"), Axis::linear("y")).layer(Layer::points([Point::new(0.0, value)]));
    let figure = Figure::new("", "").panels([chart(0.0), chart(8.0)]).columns(2);
    let (own, shared) = (figure.clone().inline(), figure.sharing(Sharing::RowsAndColumns).inline());
    assert_eq!((own.matches(">y</text>").count(), shared.matches(">y</text>").count()), (2, 1));
    assert_eq!((own.matches(">8</text>").count(), shared.matches(">8</text>").count()), (0, 1));
}

#[test]
fn a_stopped_line_ends_in_its_mark() {
    let svg = drawn(plain().layer(Layer::line(line(&[1.0, 2.0])).end(Shape::Cross)));
    assert_eq!(svg.matches("l6 6m0-6l-6 6").count(), 1);
}

#[test]
fn nothing_is_said_to_be_nothing() {
    for panel in [Panel::from(Chart::new(Axis::log10("x"), Axis::linear("y"))), Panel::from(Parallel::new([]))] {
        assert!(Figure::new("", "").panel(panel).svg().contains("nothing to show"));
    }
    assert!(Figure::new("", "").svg().ends_with("</svg>"));
}

#[test]
fn a_file_brings_its_style_and_a_page_has_it_once() {
    let figure = Figure::new("figure", "Title").panel(plain());
    assert!(figure.svg().contains("<style>") && figure.svg().contains("class=\"title\""));
    assert!(!figure.inline().contains("<style>") && !figure.inline().contains("class=\"title\""));
    assert!(STYLE.contains("--series-8:") && STYLE.contains("prefers-color-scheme:dark"));
}

#[test]
fn names_of_figures_are_ids() {
    let id = |name: &str| {
        Figure::new(name, "").inline().split("id=\"").nth(1).unwrap().split('"').next().unwrap().to_string()
    };
    assert_eq!(id("history-2"), "history-2");
    let strange = ["a b", "a-b\"", "<a b>", "", "2"].map(id);
    for (i, one) in strange.iter().enumerate() {
        assert!(one.starts_with("figure-") && !strange[..i].contains(one), "{one}");
    }
}
